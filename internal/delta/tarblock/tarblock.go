// Package tarblock reads the blocks of a tar that are headers (POSIX pax, GNU): what
// an index of a tar must know, of bytes that are not trusted; and how two of them
// differ. It is pure.
package tarblock

import (
	"bytes"
	"strconv"
	"strings"
)

// Size is how many bytes a block has.
const Size = 512

// Header is what a header block states of a member.
type Header struct {
	Path string
	// Size is how many bytes of content follow, without what fills their last block.
	Size int64
	Kind byte
	// More is set if a block of a sparse map comes next (GNU).
	More bool
}

// Parse reports false for a block that is no header: by its checksum, by its size.
func Parse(b []byte) (Header, bool) {
	want, ok := number(b[148:156])
	if !ok {
		return Header{}, false
	}
	unsigned, signed := sums(b)
	if want != unsigned && want != signed {
		return Header{}, false
	}
	h := Header{Path: Text(b[:100]), Kind: b[156]}
	if string(b[257:263]) == "ustar\x00" {
		if prefix := Text(b[345:500]); prefix != "" {
			h.Path = prefix + "/" + h.Path
		}
	}
	if h.Size, ok = number(b[124:136]); !ok || h.Size > 1<<60 {
		return Header{}, false
	}
	switch h.Kind {
	case '1', '2', '3', '4', '5', '6': // links, devices, folders: the size counts nothing
		h.Size = 0
	case 'S':
		h.More = b[482] != 0
	}
	return h, true
}

// sums returns the checksum of a header block, of its bytes as unsigned and as
// signed numbers, with spaces for the checksum itself.
func sums(b []byte) (unsigned, signed int64) {
	for i, c := range b[:Size] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return unsigned, signed
}

// number parses a field: octal digits, or a binary number if its first bit is set.
func number(b []byte) (int64, bool) {
	if b[0]&0x80 != 0 {
		n := int64(b[0] & 0x7f)
		for _, c := range b[1:] {
			if n >= 1<<54 {
				return 0, false
			}
			n = n<<8 | int64(c)
		}
		return n, true
	}
	s := string(bytes.Trim(b, " \x00"))
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseUint(s, 8, 62)
	return int64(n), err == nil
}

// Text is the string of a field, which a zero byte may end.
func Text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// Records calls each with the records of a PAX header, as long as they are well formed.
func Records(b []byte, each func(key, value string)) {
	for len(b) > 0 {
		digits, _, ok := bytes.Cut(b, []byte(" "))
		if !ok {
			return
		}
		n, err := strconv.Atoi(string(digits))
		if err != nil || n <= len(digits)+1 || n > len(b) || b[n-1] != '\n' {
			return
		}
		if key, value, ok := strings.Cut(string(b[len(digits)+1:n-1]), "="); ok {
			each(key, value)
		}
		b = b[n:]
	}
}

// PutChecksum writes the checksum of a header block into it, as tar programs do.
func PutChecksum(b []byte) {
	sum, _ := sums(b)
	for i := 153; i >= 148; i-- {
		b[i] = '0' + byte(sum&7)
		sum >>= 3
	}
	b[154], b[155] = 0, ' '
}
