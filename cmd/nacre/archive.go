package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/nacredb/nacre"
)

// unpackBackup makes the folder dir of a tar, as a server sends one of a store, compressed with gzip or not.
// Nothing is written beside the folder. It need not be durable: what is restored of it is.
func unpackBackup(ctx context.Context, from io.Reader, name, dir string) error {
	in := bufio.NewReaderSize(from, 256<<10)
	if head, _ := in.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		zip, err := gzip.NewReader(in)
		if err != nil {
			return badBackup(name, err)
		}
		in = bufio.NewReaderSize(zip, 256<<10)
	}
	files := 0
	all := &metered{r: in}
	for archive := tar.NewReader(all); ; files++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		before := all.n
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			// What fills the last file's block up is shorter than the empty block that says: this is all.
			if files > 0 && all.n-before < tarBlock {
				return badBackup(name, io.ErrUnexpectedEOF)
			}
			break
		}
		if err != nil {
			return badBackup(name, err)
		}
		part := filepath.FromSlash(strings.TrimSuffix(h.Name, "/"))
		if !filepath.IsLocal(part) || strings.ContainsRune(h.Name, '\\') {
			return badBackup(name, fmt.Errorf("its file %.200q would be written outside of the store", h.Name))
		}
		path := filepath.Join(dir, part)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o777)
		case tar.TypeReg:
			err = unpackFile(path, name, archive)
		default:
			return badBackup(name, fmt.Errorf("its entry %.200q is neither a file nor a folder", h.Name))
		}
		if err != nil {
			if nacre.CodeOf(err) == "" {
				err = nacre.Errorf(nacre.CodeInternal, "the backup cannot be unpacked: %w", err)
			}
			return err
		}
	}
	if files == 0 {
		return badBackup(name, errors.New("it is empty"))
	}
	return nil
}

// tarBlock is what a tar is made of.
const tarBlock = 512

// metered counts what is read.
type metered struct {
	r io.Reader
	n int64
}

func (m *metered) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	m.n += int64(n)
	return n, err
}

func unpackFile(path, name string, from io.Reader) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	// Which side failed decides who is told what.
	in := &failing{r: from}
	if _, err := io.Copy(file, in); err != nil {
		if in.err != nil {
			return badBackup(name, in.err)
		}
		return err
	}
	return nil
}

// failing remembers the error of a reader.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

func badBackup(name string, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends before its end: was it cut off?")
	}
	return &inputError{nacre.Errorf(nacre.CodeInvalid, "%s is no backup: give a folder that \"nacre backup\" made, or a tar that a server sent: %w", name, err)}
}
