package dirblob

import (
	"fmt"
	"strings"
)

// maxName is the largest size of a name in bytes. With the affixes of its attributes file
// it stays below the 255 bytes that file systems allow.
const maxName = 220

// maxPath is the largest size of a path in bytes. Systems allow 4,096 bytes including the
// bucket's folder.
const maxPath = 3000

// path returns the slash-separated path of a key below the bucket's folder.
func path(key string) (string, error) {
	if key == "" {
		return "", fmt.Errorf("%w: it is empty", errKey)
	}
	parts := strings.Split(key, "/")
	for i, part := range parts {
		name := escape(part)
		if isFile := i == len(parts)-1; isFile != strings.Contains(name, ".") {
			name += "~"
		}
		if len(name) > maxName {
			return "", fmt.Errorf("%w: part %d is %d bytes long as a file name; %d are allowed", errKey, i+1, len(name), maxName)
		}
		parts[i] = name
	}
	p := strings.Join(parts, "/")
	if len(p) > maxPath {
		return "", fmt.Errorf("%w: it is %d bytes long as a path; %d are allowed", errKey, len(p), maxPath)
	}
	return p, nil
}

// unname returns the part of a key that a file name stands for. It returns false if no key
// has this name.
func unname(name string, folder bool) (string, bool) {
	bare, tilde := strings.CutSuffix(name, "~")
	if tilde != (folder == strings.Contains(bare, ".")) {
		return "", false
	}
	part, ok := unescape(bare)
	return part, ok && escape(part) == bare
}

const hexDigits = "0123456789ABCDEF"

// escape encodes a part of a key so that it is valid on every file system: no separators,
// no leading or trailing dot, no name of a Windows device.
func escape(part string) string {
	if part == "" {
		return "%"
	}
	var b strings.Builder
	for i := range len(part) {
		c := part[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' ||
			c == '.' && i > 0 && i < len(part)-1
		if plain && (i > 0 || !device(part)) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String()
}

func unescape(name string) (string, bool) {
	if name == "%" {
		return "", true
	}
	if !strings.Contains(name, "%") {
		return name, true
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '%' {
			b.WriteByte(name[i])
			continue
		}
		if i+2 >= len(name) {
			return "", false
		}
		hi, lo := strings.IndexByte(hexDigits, name[i+1]), strings.IndexByte(hexDigits, name[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		b.WriteByte(byte(hi<<4 | lo))
		i += 2
	}
	return b.String(), true
}

// device reports whether Windows treats a name as a device, whatever its extension.
func device(part string) bool {
	stem, _, _ := strings.Cut(part, ".")
	switch strings.ToUpper(stem) {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	if len(stem) == 4 && stem[3] >= '0' && stem[3] <= '9' {
		upper := strings.ToUpper(stem[:3])
		return upper == "COM" || upper == "LPT"
	}
	return false
}

// hidden reports whether a name can't be a key's: a temporary file or an attributes file.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }
