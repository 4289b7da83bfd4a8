//go:build !linux

package doctor

import "errors"

func statDisk(string) (disk, error) {
	return disk{}, errors.New("this is known for Linux only")
}
