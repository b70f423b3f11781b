package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// The limits. The worst that bodies can take together is maxReading*smallBody for those
// that are read side by side, and twice MaxBody for the one that may be large, while it grows.
const (
	// MaxBody is the size of a body in bytes beyond which a delivery is refused (413): GitHub's own limit.
	MaxBody = 25 << 20
	// BodyTime is how long a delivery may take to arrive, the wait for a place included.
	BodyTime = 10 * time.Second

	smallBody  = 1 << 20 // a body beyond this waits for the place of the large one
	maxReading = 24      // deliveries that are read and looked at side by side
	maxQueued  = 1024    // deliveries that wait for a place there
	maxWaiting = 64      // requests that wait for a publication
)

var (
	errTooLarge = errors.New("body is larger than 25 MiB")
	errSlow     = errors.New("body took too long to arrive")
	errBusy     = errors.New("too many deliveries at once")
)

// places bounds what is under way.
type places struct {
	queue, reading, large, waiting chan struct{}
}

func newPlaces() *places {
	return &places{
		queue:   make(chan struct{}, maxQueued),
		reading: make(chan struct{}, maxReading),
		large:   make(chan struct{}, 1),
		waiting: make(chan struct{}, maxWaiting),
	}
}

// visit is one delivery's stay among those that are read.
type visit struct {
	places *places
	large  bool
}

// enter waits until ctx ends for a place among the deliveries that are read.
func (p *places) enter(ctx context.Context) (*visit, error) {
	if !tryTake(p.queue) {
		return nil, errBusy
	}
	defer func() { <-p.queue }()
	if err := take(ctx, p.reading); err != nil {
		return nil, err
	}
	return &visit{places: p}, nil
}

// leave gives the places back; the body must not be used any more.
func (v *visit) leave() {
	if v.large {
		<-v.places.large
	}
	<-v.places.reading
}

// read takes the body into memory and feeds it to the proofs of the claims as it arrives. The
// connection's read deadline bounds its time, ctx the wait for the place of a large body.
func (v *visit) read(ctx context.Context, w http.ResponseWriter, req *http.Request, claims []claim) ([]byte, error) {
	if req.ContentLength > MaxBody {
		return nil, errTooLarge
	}
	in := http.MaxBytesReader(w, req.Body, MaxBody)
	var body []byte
	for {
		if len(body) == cap(body) {
			bigger, err := v.grow(ctx, body, req.ContentLength)
			if err != nil {
				return nil, err
			}
			body = bigger
		}
		n, err := in.Read(body[len(body):cap(body)])
		fresh := body[len(body) : len(body)+n]
		feed(claims, fresh)
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return nil, readError(err)
		}
	}
}

// feed writes a part of the body to all proofs that depend on it.
func feed(claims []claim, part []byte) {
	for _, c := range claims {
		for _, p := range c.proofs {
			if p.mac != nil {
				p.mac.Write(part)
			}
		}
	}
}

// grow makes room: as much as was announced, doubling where nothing was or where it
// proves too little. An announcement alone gets no more than a small body's room.
func (v *visit) grow(ctx context.Context, body []byte, announced int64) ([]byte, error) {
	size := min(max(2*cap(body), int(announced)+1, 4096), smallBody)
	if cap(body) >= smallBody {
		if !v.large {
			if err := take(ctx, v.places.large); err != nil {
				return nil, err
			}
			v.large = true
		}
		size = min(max(2*cap(body), int(announced)+1), MaxBody+1)
	}
	bigger := make([]byte, len(body), size)
	copy(bigger, body)
	return bigger, nil
}

func readError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlow
	default:
		return fmt.Errorf("read body: %w", err)
	}
}

// take waits for a place until ctx ends.
func take(ctx context.Context, places chan struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errBusy
	}
}

// tryTake takes a place if there is one.
func tryTake(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}
