package line

import (
	"sync"
	"time"
)

// direction carries packets from a device to the other.
type direction struct {
	from, to *device
	meter    meter

	mu    sync.Mutex
	queue *queue
	idle  [][]byte // buffers to read into

	more    chan struct{} // something was pushed
	stopped chan struct{}
	stop    func()
	mtu     int
}

func newDirection(from, to *device, link Link) *direction {
	d := &direction{from: from, to: to, queue: link.queue(), mtu: link.MTU(), more: make(chan struct{}, 1), stopped: make(chan struct{})}
	d.stop = sync.OnceFunc(func() { close(d.stopped) })
	return d
}

// take reads packets until the device is closed.
func (d *direction) take() {
	for {
		b := d.buffer()
		n, err := d.from.Read(b)
		if err != nil {
			d.stop()
			return
		}
		now := time.Now()
		d.mu.Lock()
		taken := d.queue.push(now, b[:n])
		if !taken {
			d.idle = append(d.idle, b)
		}
		d.mu.Unlock()
		if !taken {
			d.meter.drop()
			continue
		}
		select {
		case d.more <- struct{}{}:
		default:
		}
	}
}

func (d *direction) buffer() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.idle); n > 0 {
		b := d.idle[n-1]
		d.idle = d.idle[:n-1]
		return b
	}
	return make([]byte, d.mtu)
}

// deliver writes packets at their time.
func (d *direction) deliver() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		now := time.Now()
		d.mu.Lock()
		data, wait := d.queue.pop(now)
		d.mu.Unlock()
		switch {
		case data != nil:
			d.meter.add(now, data)
			// A device that is full drops, as hardware does.
			_, _ = d.to.Write(data)
			d.mu.Lock()
			d.idle = append(d.idle, data[:cap(data)])
			d.mu.Unlock()
		case wait > 0:
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-d.stopped:
				return
			}
		default:
			select {
			case <-d.more:
			case <-d.stopped:
				return
			}
		}
	}
}
