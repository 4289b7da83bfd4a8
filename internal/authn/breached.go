package authn

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // the form of the public lists; nothing is protected by it
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// common.txt are the passwords of at least MinPassword characters that are tried first,
// in small letters.
//
//go:embed common.txt
var commonText string

var common = func() map[string]bool {
	set := map[string]bool{}
	for word := range strings.Lines(commonText) {
		set[strings.TrimSpace(word)] = true
	}
	return set
}()

// Breached is a list of passwords that are known to attackers: a file with a password or
// the SHA-1 of one in each line, as the public lists have them (HASH or HASH:COUNT).
type Breached struct {
	// known are the first bytes of the hashes, sorted: by chance, one in 10^12 good
	// passwords is taken for one of a million that are listed.
	known []uint64
	// file is a list too large for that, of hashes in their order; it is searched where it lies.
	file *os.File
	size int64
}

// Bounds of a list that is kept in memory, eight bytes a line.
const (
	mostListed  = 16 << 20
	mostInWhole = 256 << 20
	longestLine = 1024
	hashDigits  = 2 * sha1.Size
)

// OpenBreached reads a list, or opens it where it is large.
func OpenBreached(path string) (*Breached, error) { return openBreached(path, mostInWhole) }

func openBreached(path string, inMemory int64) (*Breached, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory, not a list of passwords", path)
	}
	if err == nil && info.Size() > inMemory {
		b := &Breached{file: file, size: info.Size()}
		if err = b.ordered(); err == nil {
			return b, nil
		}
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	known, err := readListed(file)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return &Breached{known: known}, errors.Join(err, file.Close())
}

func readListed(r io.Reader) ([]uint64, error) {
	var known []uint64
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, longestLine), longestLine)
	for lines.Scan() {
		if len(known) == mostListed {
			return nil, fmt.Errorf("a list of more than %d lines must be one of SHA-1 hashes in their order, larger than %d MiB", mostListed, mostInWhole>>20)
		}
		line := bytes.TrimRight(lines.Bytes(), "\r")
		if hash, ok := listedHash(line); ok {
			known = append(known, binary.BigEndian.Uint64(hash))
		} else if len(line) >= MinPassword { // shorter ones are refused anyway
			hash := sha1.Sum(line) //nolint:gosec // see above
			known = append(known, binary.BigEndian.Uint64(hash[:]))
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("a line has more than %d bytes: it is no list of passwords", longestLine)
	}
	slices.Sort(known)
	return slices.Compact(known), lines.Err()
}

// listedHash reads HASH or HASH:COUNT.
func listedHash(line []byte) ([]byte, bool) {
	digits, count, counted := bytes.Cut(line, []byte(":"))
	if len(digits) != hashDigits || (counted && len(bytes.Trim(count, "0123456789 ")) > 0) {
		return nil, false
	}
	hash := make([]byte, sha1.Size)
	_, err := hex.Decode(hash, digits)
	return hash, err == nil
}

// Close closes the file of a large list.
func (b *Breached) Close() error {
	if b == nil || b.file == nil {
		return nil
	}
	return b.file.Close()
}

// Has tells whether a password is listed.
func (b *Breached) Has(password string) (bool, error) {
	if b == nil {
		return false, nil
	}
	hash := sha1.Sum([]byte(password)) //nolint:gosec // see above
	if b.file == nil {
		_, found := slices.BinarySearch(b.known, binary.BigEndian.Uint64(hash[:]))
		return found, nil
	}
	low, high := int64(0), b.size // the line looked for begins at low or behind it, and before high
	for low < high {
		middle := low + (high-low)/2
		at, found, next, err := b.line(middle)
		if err != nil {
			return false, err
		}
		if at >= high { // no line begins between the middle and the end
			high = middle
			continue
		}
		switch order := bytes.Compare(found, hash[:]); {
		case order == 0:
			return true, nil
		case order < 0:
			low = next
		default:
			high = middle
		}
	}
	return false, nil
}

// line reads the first line that begins at an offset or behind it.
func (b *Breached) line(from int64) (at int64, hash []byte, next int64, err error) {
	at = max(from-1, 0) // a line begins behind the end of another
	text := make([]byte, 512)
	n, err := b.file.ReadAt(text, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, 0, err
	}
	text = text[:n]
	if from > 0 {
		end := bytes.IndexByte(text, '\n')
		if end < 0 && at+int64(n) < b.size {
			return 0, nil, 0, errNoHashes
		}
		if end < 0 {
			return b.size, nil, b.size, nil
		}
		at, text = at+int64(end)+1, text[end+1:]
	}
	if at >= b.size {
		return b.size, nil, b.size, nil
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	hash, ok := listedHash(bytes.TrimRight(line, "\r"))
	if !ok {
		return 0, nil, 0, errNoHashes
	}
	return at, hash, at + int64(len(line)) + 1, nil
}

var errNoHashes = fmt.Errorf("a list of more than %d MiB must be one of SHA-1 hashes in their order, one a line", mostInWhole>>20)

// ordered looks into a large list here and there.
func (b *Breached) ordered() error {
	const looks = 1000
	var last []byte
	for i := range int64(looks) {
		at, hash, _, err := b.line(b.size / looks * i)
		if err != nil {
			return err
		}
		if at >= b.size {
			break
		}
		if bytes.Compare(hash, last) < 0 {
			return errNoHashes
		}
		last = hash
	}
	return nil
}
