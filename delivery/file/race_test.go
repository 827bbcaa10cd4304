//go:build race

package file

// stride is how many points of a crash or a fault are gone on at once: the race detector makes each ten times slower,
// and is not about what they leave.
const stride = 7
