//go:build !race

package file

// stride is how many points of a crash or a fault are gone on at once.
const stride = 1
