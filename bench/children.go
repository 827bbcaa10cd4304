package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// child is this program, at work on the store in a process of its own.
type child struct {
	told  told
	cmd   *exec.Cmd
	input io.Closer
}

// startChild starts a child and waits until it has told what it has to.
func startChild(ctx context.Context, do task) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	arg, err := json.Marshal(do)
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.CommandContext(ctx, self, childArg, string(arg))}
	c.cmd.Stderr = os.Stderr
	if c.input, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &c.told)
	}
	if err == nil && c.told.Error != "" {
		err = errors.New(c.told.Error)
	}
	if err != nil {
		c.kill()
		return nil, fmt.Errorf("a child that was to %s: %w", do.What, err)
	}
	return c, nil
}

// kill ends the child at once, as kill -9 does.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait() // it says that the child was killed
	_ = c.input.Close()
}
