package doctor

import "syscall"

// kinds are file systems on which an embedded database is not safe.
var kinds = map[int64][2]string{
	0x6969:     {"NFS", overNetwork},
	0xff534d42: {"CIFS", overNetwork},
	0xfe534d42: {"SMB", overNetwork},
	0x517b:     {"SMB", overNetwork},
	0x00c36400: {"CephFS", overNetwork},
	0x01021997: {"9P", overNetwork},
	0x65735546: {"FUSE", "its locks may not hold"},
	0x01021994: {"a file system in memory (tmpfs)", "everything is gone when the machine restarts"},
	0x794c7630: {"a container's own layer (overlay)", "everything is gone with the container; give it a volume"},
}

const overNetwork = "locks over a network fail silently, and the database is damaged"

func statDisk(dir string) (disk, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return disk{}, err
	}
	kind := kinds[s.Type]
	return disk{free: s.Bavail * uint64(s.Bsize), inodes: s.Ffree, kind: kind[0], danger: kind[1]}, nil
}
