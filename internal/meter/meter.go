package meter

// Instrument checks a module, and gives it with the code that measures. The result does not share memory with
// binary; info.Custom does. An error about the module is an *[Error].
func Instrument(binary []byte, o *Options) (out []byte, info *Info, err error) {
	options, err := o.validate()
	if err != nil {
		return nil, nil, err
	}
	m := &module{in: binary, options: options}
	if err := m.parse(); err != nil {
		return nil, nil, err
	}
	m.decide()
	out, err = m.write()
	if err != nil {
		return nil, nil, err
	}
	return out, &m.info, nil
}
