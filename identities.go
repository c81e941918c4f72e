package lakeward

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Identities keeps a pool for each identity that works with an instance, for servers that act on behalf of their
// users: one pool has one PostgreSQL role, so that users must not share it. It is safe for concurrent use.
type Identities struct {
	name string
	opt  ConnectOptions
	open func(ctx context.Context, identity string) (Workspace, error)
	most int

	mu    sync.Mutex
	pools map[string]*identity
	clock uint64
}

type identity struct {
	turn  chan struct{} // held by the one who opens the pool
	pool  *pgxpool.Pool
	users int
	last  uint64 // when it was used
}

// NewIdentities returns pools for the instance called name. open returns the workspace as one identity sees it: with that
// user's own token. most is how many pools are kept at the same time; 100 if it is 0. MaxConns of opt is of each pool.
func NewIdentities(name string, opt ConnectOptions, most int, open func(ctx context.Context, identity string) (Workspace, error)) *Identities {
	if most <= 0 {
		most = 100
	}
	return &Identities{name: name, opt: opt, open: open, most: most, pools: map[string]*identity{}}
}

// Use calls do with the pool of an identity, and opens it for the first call. do must not keep the pool. Pools that nobody
// uses are closed when there are too many, the one that was used longest ago first.
func (i *Identities) Use(ctx context.Context, id string, do func(*pgxpool.Pool) error) error {
	one := i.enter(id)
	defer i.leave(id, one)
	pool, err := i.pool(ctx, id, one)
	if err != nil {
		return err
	}
	return do(pool)
}

func (i *Identities) pool(ctx context.Context, id string, one *identity) (*pgxpool.Pool, error) {
	select {
	case one.turn <- struct{}{}:
		defer func() { <-one.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if one.pool != nil {
		return one.pool, nil
	}
	ws, err := i.open(ctx, id)
	if err != nil {
		return nil, err
	}
	pool, err := NewConnector(ws, i.name, i.opt).Pool(ctx)
	if err != nil {
		return nil, err
	}
	one.pool = pool
	return pool, nil
}

func (i *Identities) enter(id string) *identity {
	i.mu.Lock()
	defer i.mu.Unlock()
	one := i.pools[id]
	if one == nil {
		one = &identity{turn: make(chan struct{}, 1)}
		i.pools[id] = one
	}
	i.clock++
	one.users, one.last = one.users+1, i.clock
	return one
}

func (i *Identities) leave(id string, one *identity) {
	i.mu.Lock()
	one.users--
	var gone []*identity
	if one.users == 0 && one.pool == nil && i.pools[id] == one {
		delete(i.pools, id)
	}
	for len(i.pools) > i.most {
		oldest := ""
		for name, p := range i.pools {
			if p.users == 0 && (oldest == "" || p.last < i.pools[oldest].last) {
				oldest = name
			}
		}
		if oldest == "" {
			break // all are in use
		}
		gone = append(gone, i.pools[oldest])
		delete(i.pools, oldest)
	}
	i.mu.Unlock()
	for _, p := range gone {
		p.pool.Close()
	}
}

// Close closes all pools, and waits for those who use one.
func (i *Identities) Close() {
	i.mu.Lock()
	pools := i.pools
	i.pools = map[string]*identity{}
	i.mu.Unlock()
	for _, p := range pools {
		p.turn <- struct{}{} // nobody opens it any more
		if p.pool != nil {
			p.pool.Close()
		}
	}
}
