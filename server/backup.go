package server

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"

	"github.com/nacredb/nacre"
)

// backup answers POST …/backup: the folder that a backup is, as a tar. It is made whole before the first byte
// is sent, so that what can go wrong in the store is told as an error; what breaks off later is cut off.
func (s *Server) backup(x *exchange) (err error) {
	if err := x.noQuery(); err != nil {
		return err
	}
	if err := x.named.pastPolicies(x.r.Context(), x.grant, nil, "a backup"); err != nil {
		return err
	}
	ctx, cancel := x.context()
	defer cancel()
	folder, err := os.MkdirTemp(s.o.TempDir, "nacre-backup-*") //nolint:forbidigo // a folder of the server's own, not a store's
	if err != nil {
		return nacre.Errorf(nacre.CodeInternal, "no folder can be made for the backup: %w", err)
	}
	defer func() {
		if e := os.RemoveAll(folder); e != nil { //nolint:forbidigo // as above
			s.log.Warn("the folder of a backup cannot be removed", "folder", folder, "error", e)
		}
	}()
	dir := filepath.Join(folder, "backup")
	if err := x.store.Backup(ctx, dir); err != nil {
		return err
	}
	h := x.w.Header()
	h.Set("Content-Type", "application/x-tar")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{
		"filename": x.named.name + "-" + s.o.Clock().UTC().Format("20060102T150405Z") + ".tar",
	}))
	x.following = true // how long it takes says more of the client than of the server
	x.progress()
	x.w.WriteHeader(http.StatusOK)
	out := tar.NewWriter(progressWriter{x})
	if err := addFolder(out, dir); err != nil {
		if x.r.Context().Err() != nil {
			return errClientGone
		}
		return err // behind the first byte: the reply is cut off
	}
	if err := out.Close(); err != nil {
		return errClientGone
	}
	return nil
}

// progressWriter gives the client time for each piece.
type progressWriter struct{ x *exchange }

func (w progressWriter) Write(p []byte) (int, error) {
	w.x.progress()
	n, err := w.x.w.Write(p)
	if err != nil {
		err = errors.Join(errClientGone, err)
	}
	return n, err
}

// addFolder adds the folder's files, under names without the folder's own.
func addFolder(out *tar.Writer, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		header, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		// Whose files they were here is nobody's business there.
		header.Name, header.Format = filepath.ToSlash(name), tar.FormatPAX
		header.Uid, header.Gid, header.Uname, header.Gname = 0, 0, "", ""
		if entry.IsDir() {
			header.Name += "/"
			return out.WriteHeader(header)
		}
		return addFile(out, path, header)
	})
}

func addFile(out *tar.Writer, path string, header *tar.Header) error {
	file, err := os.Open(path) //nolint:forbidigo // a file of the server's own, not a store's
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was read only
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	buffer := lineBuffers.Get().(*[lineBuffer]byte)
	defer lineBuffers.Put(buffer)
	// Neither side may take the copy over: each piece has its deadline.
	_, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{file}, buffer[:])
	return err
}
