package job

// Woken tells, once, whether the queue was told of a new job.
func (q *Queue) Woken() bool {
	select {
	case <-q.lanes[""].wake:
		return true
	default:
		return false
	}
}
