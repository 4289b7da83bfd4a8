package audit_test

import (
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// TestHeads alters what vouches for the chains: their heads.
func TestHeads(t *testing.T) {
	const (
		signature = "head of the chain was altered"
		head      = "organization_head SET"
	)
	tests := map[string]struct {
		do     func(i intruder, s target)
		stream func(s target) string
		seq    int64
		reason string
	}{
		"number": {func(i intruder, s target) { i.do("UPDATE "+head+" seq = seq + 1 WHERE organization_id = $1", s.stream) }, one, last + 1, signature},
		"rights": {func(i intruder, s target) {
			i.do("UPDATE "+head+" rights_seq = 0 WHERE organization_id = $1", s.stream)
		}, one, last, signature},
		"link": {func(i intruder, s target) {
			i.do("UPDATE "+head+" hash = $2 WHERE organization_id = $1", s.stream, make([]byte, 32))
		}, one, last, signature},
		"signature": {func(i intruder, s target) {
			i.do("UPDATE "+head+" mac = $2 WHERE organization_id = $1", s.stream, make([]byte, 32))
		}, one, last, signature},
		"no signature": {func(i intruder, s target) {
			i.do("UPDATE "+head+" mac = $2 WHERE organization_id = $1", s.stream, []byte{})
		}, one, last, signature},
		"forged with a key of one's own": {func(i intruder, s target) {
			i.rewrite(s.stream, 5)
			i.rechain(s.stream, 5, true)
			i.sign(s.stream, []byte("not the key"))
		}, one, last, signature},
		"the signature of another head": {func(i intruder, s target) {
			i.do("UPDATE "+head+" (seq, rights_seq, hash, mac) = (SELECT seq, rights_seq, hash, mac FROM organization_head WHERE organization_id = $2) WHERE organization_id = $1", s.stream, s.other)
		}, one, 1, signature},
		"a bad event before an altered head": {func(i intruder, s target) {
			i.alter(s.stream, 5)
			i.do("UPDATE "+head+" seq = seq + 1 WHERE organization_id = $1", s.stream)
		}, one, 5, "content was altered"},
		"removed": {func(i intruder, s target) {
			i.do("DELETE FROM organization_head WHERE organization_id = $1", s.stream)
		}, one, 1, "has no head"},
		"removed with its chain": {func(i intruder, s target) {
			i.remove(s.stream, 1, last)
			i.do("DELETE FROM organization_head WHERE organization_id = $1", s.stream)
		}, one, 1, "its chain was removed"},
		"renamed": {func(i intruder, s target) {
			i.do("UPDATE "+head+" organization_id = 'f' WHERE organization_id = $1", s.stream)
		}, func(target) string { return "f" }, last, signature},
		"reset with its chain": {func(i intruder, s target) {
			i.remove(s.stream, 1, last)
			i.do("UPDATE "+head+" seq = 0, rights_seq = 0, hash = $2 WHERE organization_id = $1", s.stream, make([]byte, 32))
		}, one, 1, signature},
		"made an account's": {func(i intruder, s target) {
			i.do("UPDATE "+head+" kind = 'account' WHERE organization_id = $1", s.stream)
		}, one, 1, signature},
		"made an account's, its chain removed": {func(i intruder, s target) {
			i.remove(s.stream, 1, last)
			i.do("UPDATE "+head+" kind = 'account' WHERE organization_id = $1", s.stream)
		}, one, 1, signature},
		"an account's, made an organization's": {func(i intruder, s target) {
			i.do("UPDATE "+head+" kind = 'organization' WHERE organization_id = $1", s.account)
		}, func(s target) string { return s.account }, 1, signature},
		"an account's number": {func(i intruder, s target) {
			i.do("UPDATE "+head+" seq = seq + 1 WHERE organization_id = $1", s.account)
		}, func(s target) string { return s.account }, 1, signature},
		"the server's, reset with its chain": {func(i intruder, _ target) {
			i.remove(store.Server, 1, 1)
			i.do("UPDATE "+head+" seq = 0, rights_seq = 0, hash = $2, mac = $2 WHERE organization_id = $1", store.Server, []byte{})
		}, server, 1, "there are accounts but the chain"},
		"the server's, removed with its chain": {func(i intruder, _ target) {
			i.remove(store.Server, 1, 1)
			i.do("DELETE FROM organization_head WHERE organization_id = $1", store.Server)
		}, server, 1, "there are accounts but the chain"},
		"the server's, made an account's, its chain removed": {func(i intruder, _ target) {
			i.remove(store.Server, 1, 1)
			i.do("UPDATE "+head+" kind = 'account' WHERE organization_id = $1", store.Server)
		}, server, 1, signature},
		"an event of nobody": {func(i intruder, s target) {
			i.do("UPDATE event SET organization_id = 'a' WHERE organization_id = $1 AND seq = $2", s.stream, last)
		}, one, last, "the tail was cut"},
		"an event for nobody": {func(i intruder, s target) {
			i.copyOf(s.stream, 3, 100)
			i.do("UPDATE event SET organization_id = 'a', seq = 1 WHERE organization_id = $1 AND seq = 100", s.stream)
		}, func(target) string { return "a" }, 1, "has no head"},
	}
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i, stream, other := chains(t, s)
		at := target{stream: stream, other: other}
		if err := i.QueryRow("SELECT id FROM account").Scan(&at.account); err != nil {
			t.Fatal(err)
		}
		for name, c := range tests {
			t.Run(name, func(t *testing.T) {
				i.t = t
				defer i.restore()
				c.do(i, at)
				found(t, i, c.stream(at), c.seq, c.reason)
			})
		}
		i.t = t
		if _, err := audit.Verify(s.DB.Reader(t.Context()), []byte("another key")); err == nil {
			t.Error("the chains verify under another key")
		}
	})
}

// target is what the heads belong to.
type target struct{ stream, other, account string }

func one(s target) string  { return s.stream }
func server(target) string { return store.Server }

// sign signs a head with a key.
func (i intruder) sign(stream string, key []byte) {
	i.t.Helper()
	var seq, rights int64
	var hash []byte
	if err := i.QueryRow("SELECT seq, rights_seq, hash FROM organization_head WHERE organization_id = $1", stream).Scan(&seq, &rights, &hash); err != nil {
		i.t.Fatal(err)
	}
	i.do("UPDATE organization_head SET mac = $2 WHERE organization_id = $1", stream, store.HeadMAC(key, stream, seq, rights, hash))
}
