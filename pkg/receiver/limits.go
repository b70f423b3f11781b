package receiver

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"time"
)

// The limits. Bodies take at most maxReading*smallBody of memory together, plus MaxBody for the one that may be large, and
// twice that if its length was not announced.
const (
	// MaxBody is the size of a body in bytes beyond which a delivery is refused (413): GitHub's own limit.
	MaxBody = 25 << 20
	// BodyTime is how long a delivery may take to arrive, including the wait for a place.
	BodyTime = 10 * time.Second

	smallBody  = 1 << 20 // a delivery that announces more, or no length, waits for the one place of large bodies
	maxReading = 24      // small deliveries that are read at the same time
	maxWaiting = 64      // requests that wait for a publication
)

// places limits what happens at the same time. The server's connection limit also limits how many deliveries wait for
// a place.
type places struct {
	small, large, waiting chan struct{}
}

// enter waits for a place to read the body. The caller frees the place by calling leave.
func (p places) enter(req *http.Request) (leave func(), err error) {
	place := p.small
	if req.ContentLength < 0 || req.ContentLength > smallBody {
		place = p.large
	}
	ctx, cancel := context.WithTimeout(req.Context(), BodyTime)
	defer cancel()
	select {
	case place <- struct{}{}:
		return func() { <-place }, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}

// readBody reads the body into memory. The connection's read deadline limits the time.
func readBody(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	if req.ContentLength > MaxBody {
		return nil, errTooLarge
	}
	// The extra capacity lets ReadFrom find the end of a body of the announced length without growing the buffer.
	body := bytes.NewBuffer(make([]byte, 0, max(req.ContentLength, 0)+bytes.MinRead))
	_, err := body.ReadFrom(http.MaxBytesReader(w, req.Body, MaxBody))
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case tooLarge:
		return nil, errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errSlow
	case err != nil:
		return nil, errCut
	}
	return body.Bytes(), nil
}
