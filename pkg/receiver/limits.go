package receiver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// The limits. Bodies take at most maxReading*smallBody of memory together, plus MaxBody for the one that may be large, and
// twice that where its length was not announced.
const (
	// MaxBody is the size of a body in bytes beyond which a delivery is refused (413): GitHub's own limit.
	MaxBody = 25 << 20
	// BodyTime is how long a delivery may take to arrive, the wait for a place included.
	BodyTime = 10 * time.Second

	smallBody  = 1 << 20 // a delivery that announces more, or nothing, waits for the one place of large ones
	maxReading = 24      // small deliveries that are read at once
	maxWaiting = 64      // requests that wait for a publication
)

var (
	errTooLarge = errors.New("body is larger than 25 MiB")
	errSlow     = errors.New("body took too long to arrive")
	errBusy     = errors.New("too many deliveries at once")
)

// places bounds what is done at once. How many deliveries wait for a place is bounded by the server's connections.
type places struct {
	small, large, waiting chan struct{}
}

func newPlaces() *places {
	return &places{
		small:   make(chan struct{}, maxReading),
		large:   make(chan struct{}, 1),
		waiting: make(chan struct{}, maxWaiting),
	}
}

// enter waits for a place to read the body in, until ctx ends. The caller gives it back by leave.
func (p *places) enter(ctx context.Context, req *http.Request) (leave func(), err error) {
	place := p.small
	if req.ContentLength < 0 || req.ContentLength > smallBody {
		place = p.large
	}
	select {
	case place <- struct{}{}:
		return func() { <-place }, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}

// readBody takes the body into memory. The connection's read deadline bounds its time.
func readBody(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	if req.ContentLength > MaxBody {
		return nil, errTooLarge
	}
	// With room to spare, so that a body of the announced length is read without a copy.
	body := bytes.NewBuffer(make([]byte, 0, max(req.ContentLength, 0)+bytes.MinRead))
	_, err := body.ReadFrom(http.MaxBytesReader(w, req.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errSlow
	case err != nil:
		return nil, fmt.Errorf("read body: %w", err)
	}
	return body.Bytes(), nil
}
