package contract

import "github.com/pikasTech/unidesk-artifact-cd/internal/journal"

// End returns how a run with this result ended, for its journal.
func (r Result) End() journal.End {
	end := endOf(string(r.Decision), r.Failure)
	if r.Receipt != nil {
		end.Receipt = r.Receipt.ID
	}
	return end
}

// End returns how the run of this recovery ended, for its journal.
func (r Recovery) End() journal.End {
	end := endOf(string(r.Action), r.Failure)
	if r.Action == TookBack || r.Action == Recorded {
		end.Receipt = r.Change
	}
	return end
}

func endOf(outcome string, failure *Failure) journal.End {
	end := journal.End{Outcome: outcome}
	if failure != nil {
		end.Reason, end.Failure = failure.Reason, failure.Message
	}
	return end
}
