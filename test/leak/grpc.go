package leak

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// SearchGRPC looks into what an end of a gRPC connection sent, from its first byte on,
// behind the agent's preface or with HTTP/2's own. Searched as it is, it would hide
// most: header fields, an error among them, are Huffman coded (RFC 7541), and a message
// may lie in several frames. It returns what was searched, decoded.
func (d *Detector) SearchGRPC(where string, sent []byte) (decoded []byte, err error) {
	d.Search(where, sent)
	decoded, err = decode(sent)
	d.Search(where+", decoded", decoded)
	return decoded, err
}

// decode writes out the header fields and then the messages, stream by stream. A
// connection may have been cut within a frame.
func decode(sent []byte) (decoded []byte, err error) {
	frames, ours := bytes.CutPrefix(sent, []byte(http2.ClientPreface))
	if !ours {
		frames, ours = bytes.CutPrefix(sent, []byte(tunnel.Preface))
	}
	if !ours {
		return nil, fmt.Errorf("%.30q begins no connection of gRPC", sent)
	}
	framer := http2.NewFramer(io.Discard, bytes.NewReader(frames))
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil) // the size of RFC 7540, 6.5.2, which gRPC leaves
	framer.MaxHeaderListSize = 16 << 20
	messages := map[uint32][]byte{}
	var said bytes.Buffer
	for {
		frame, err := framer.ReadFrame()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the frames: %w", err)
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			for _, field := range f.Fields {
				fmt.Fprintf(&said, "%s: %s\n%s\n", field.Name, field.Value, plain(field))
			}
		case *http2.DataFrame:
			messages[f.StreamID] = append(messages[f.StreamID], f.Data()...)
		case *http2.GoAwayFrame:
			said.Write(f.DebugData())
		}
	}
	for _, stream := range slices.Sorted(maps.Keys(messages)) {
		if err := compressed(messages[stream]); err != nil {
			return nil, fmt.Errorf("stream %d: %w", stream, err)
		}
		said.Write(messages[stream])
	}
	return said.Bytes(), nil
}

// plain takes a field out of the encoding that gRPC gives it.
func plain(field hpack.HeaderField) string {
	if strings.HasSuffix(field.Name, "-bin") {
		b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(field.Value, "="))
		if err != nil {
			return field.Value
		}
		return string(b)
	}
	if text, err := url.PathUnescape(field.Value); err == nil { // as in grpc-message
		return text
	}
	return field.Value
}

// compressed returns an error if a message is compressed: a flag and a length, four
// bytes, stand before each.
func compressed(messages []byte) error {
	for len(messages) >= 5 {
		if messages[0] != 0 {
			return errors.New("a message is compressed, so that nothing would be found in it")
		}
		length := int(binary.BigEndian.Uint32(messages[1:]))
		messages = messages[min(5+length, len(messages)):]
	}
	return nil
}
