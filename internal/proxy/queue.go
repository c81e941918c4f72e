package proxy

import (
	"context"
	"errors"
)

// borrow waits for a session, and notices when the client leaves meanwhile.
func (c *pooled) borrow(ctx context.Context) (b *backend, err error) {
	if c.goodbye {
		ctx, cancel := context.WithTimeout(ctx, c.route.settings().Wait)
		defer cancel()
		return c.route.borrow(ctx, c.pool)
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	c.setGiveUp(giveUp)
	defer c.setGiveUp(nil)
	early, err := whileThere(ctx, c.client, c.route.settings().Wait, func(ctx context.Context) (err error) {
		b, err = c.route.borrow(ctx, c.pool)
		return err
	})
	c.early = append(c.early, early...)
	if errors.Is(context.Cause(ctx), errCancelled) {
		err = errCancelled
	}
	if err != nil && b != nil {
		c.route.putBack(b)
		b = nil
	}
	return b, err
}

// errCancelled ends the waiting of a client that has cancelled its statement.
var errCancelled = errors.New("canceling statement due to user request")

func (c *pooled) setGiveUp(f context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.giveUp = f
}

// cancel passes a cancel request on to the session that the client has now. The session goes to nobody else meanwhile.
func (c *pooled) cancel(ctx context.Context) error {
	c.mu.Lock()
	b := c.at
	if b == nil {
		if c.giveUp != nil { // the statement still waits for a session
			c.giveUp(errCancelled)
		}
		c.mu.Unlock()
		return nil
	}
	b.cancels.Add(1)
	c.mu.Unlock()
	defer b.cancels.Done()
	return b.up.cancel(ctx)
}
