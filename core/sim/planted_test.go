package sim

import (
	"os"
	"strings"
	"testing"

	"jiajia/core"
)

// plantNames are the names of docs/model/bugs.sh where it has one.
var plantNames = map[core.Plant]string{
	core.PlantNoAck: "NoAck", core.PlantDropNotice: "DropNotice", core.PlantClearLog: "ClearLog",
	core.PlantUntrackAny: "UntrackAny", core.PlantNoDoom: "NoDoom", core.PlantNoRetain: "NoRetain",
	core.PlantDoubleFlush: "DoubleFlush", core.PlantOwnAcks: "OwnAcks", core.PlantLogBeforeProtect: "LogBeforeProtect",
	core.PlantLogAfterProtect: "LogAfterProtect", core.PlantLogDirtyOnly: "LogDirtyOnly",
	core.PlantHomeNotProtected: "HomeNotProtected", core.PlantServeCleans: "ServeCleans",
	core.PlantRefetchBeforeAck: "RefetchBeforeAck", core.PlantDropRedirtied: "DropRedirtied",
	core.PlantNoEpochWait: "NoEpochWait", core.PlantDropAllNotices: "DropAllNotices", core.PlantMarkAtExit: "MarkAtExit",
	core.PlantUntrackDespiteFetch: "UntrackDespiteFetch", core.PlantUntrackAtArrival: "UntrackAtArrival",
	core.PlantForgetInFlight: "ForgetInFlight", core.PlantSecondTwin: "SecondTwin", core.PlantNewMarkLocally: "NewMarkLocally", core.PlantWholePage: "WholePage",
	core.PlantServeForgetsMark: "ServeForgetsMark", core.PlantIgnoreMarks: "IgnoreMarks", core.PlantMarkKeepsAnnounced: "MarkKeepsAnnounced",
	core.PlantOfferEarly: "OfferEarly", core.PlantOfferKept: "OfferKept", core.PlantTakeIncomplete: "TakeIncomplete",
	core.PlantTakeNoEpoch: "TakeNoEpoch",
	core.PlantMeetOnce:    "MeetOnce", core.PlantFreeInFlight: "FreeInFlight", core.PlantKeepFrames: "KeepFrames", core.PlantKeepRecords: "KeepRecords",
	core.PlantKeepMarks: "KeepMarks", core.PlantUntrackFirst: "UntrackFirst", core.PlantFreeUnsent: "FreeUnsent",
	core.PlantEvictFetching: "EvictFetching", core.PlantEvictDirty: "EvictDirty", core.PlantEvictUnacked: "EvictUnacked",
	core.PlantEvictRedirtied: "EvictRedirtied", core.PlantProbeTwins: "ProbeTwins",
	core.PlantAtomicKeepsCopy: "AtomicKeepsCopy", core.PlantAtomicUnlogged: "AtomicUnlogged",
	core.PlantAtomicOvertakes: "AtomicOvertakes", core.PlantAtomicAtHome: "AtomicAtHome",
	core.PlantAtomicEarlyLog: "AtomicEarlyLog", core.PlantAtomicInTwo: "AtomicInTwo",
	core.PlantTryForgetsPlace: "TryForgetsPlace", core.PlantTryKeepsNext: "TryKeepsNext", core.PlantTryNotWoken: "TryNotWoken",
	core.PlantRWOverlap: "RWOverlap", core.PlantRWNoNotices: "RWNoNotices", core.PlantRWSeenEarly: "RWSeenEarly",
	core.PlantRWUnflushed: "RWUnflushed", core.PlantRWNoEpochWait: "RWNoEpochWait",
	core.PlantMarkAfterRead: "MarkAfterRead", core.PlantReadModify: "ReadModify", core.PlantReadBeforeMark: "ReadBeforeMark",
	core.PlantClaimWritten: "ClaimWritten", core.PlantReadUndecided: "ReadUndecided", core.PlantOldHomeServes: "OldHomeServes",
	core.PlantClaimUntracked: "ClaimUntracked", core.PlantWriteBlank: "WriteBlank", core.PlantClaimForgetsMark: "ClaimForgetsMark",
	core.PlantDiscardLate: "DiscardLate",
	core.PlantMarkLate:    "MarkLate", core.PlantCutOnce: "CutOnce", core.PlantForgetUnsaved: "ForgetUnsaved",
	core.PlantForgetAtomics: "ForgetAtomics", core.PlantCutForgetsMark: "CutForgetsMark", core.PlantCutKeepsShut: "CutKeepsShut", core.PlantCutClaims: "CutClaims",
	core.PlantZeroForgotten: "ZeroForgotten", core.PlantForgetFailed: "ForgetFailed", core.PlantCutOverlaps: "CutOverlaps",
	core.PlantNoCopy: "NoCopy", core.PlantNoGate: "NoGate",
	core.PlantRehomeOld: "RehomeOld", core.PlantLoadFresh: "LoadFresh", core.PlantLoadUnsaved: "LoadUnsaved", core.PlantLoadUndecided: "LoadUndecided",
	core.PlantMatchStays: "MatchStays", core.PlantMatchForgets: "MatchForgets", core.PlantLoadAlone: "LoadAlone", core.PlantLoadUnacked: "LoadUnacked",
	core.PlantLoadForgetsWords: "LoadForgetsWords", core.PlantLoadForgetsCVs: "LoadForgetsCVs",
}

// byStory are mistakes that no short random search finds, with the story that does. ForgetInFlight shows only when a page is
// evicted in the short time in which a barrier waits for other acknowledgements, is fetched after the barrier and before the
// diff comes in, and is not written again: about one program in 50,000 does all that. ServeForgetsMark needs a home that writes a
// page between another host's mark and a third's request, with no release in between: one program in 30,000. MarkKeepsAnnounced needs such a mark while the home is about to leave a
// barrier, and a release of another thread of it. So do KeepMarks and UntrackFirst, in a barrier that takes freed memory back. ClaimForgetsMark needs a
// release between the grant of a claim and its answer, and a reader in that time: one program in 10,000. TakeNoEpoch needs a host that
// leaves a barrier and offers a lock long before another one leaves, of which another thread takes it: one in 10,000. AtomicEarlyLog needs two barriers
// of other threads, one during the operation and one after, and a host that reads the page between the first of them and the operation.
// CutClaims needs a thread whose store is
// under way during a barrier, whose claim is answered late, and another host that has stored to the page by itself.
// RWSeenEarly needs a second reader of a host that asks while the first waits for a diff, RWNoEpochWait a reader at a host that is the last to
// leave a barrier.
var byStory = map[core.Plant]string{
	core.PlantForgetInFlight:     "testdata/late_diff_planted.txt",
	core.PlantAtomicEarlyLog:     "testdata/atomic_planted.txt",
	core.PlantRWSeenEarly:        "testdata/readers_planted.txt",
	core.PlantRWNoEpochWait:      "testdata/early_reader_planted.txt",
	core.PlantMarkKeepsAnnounced: "testdata/mark_at_barrier_planted.txt",
	core.PlantServeForgetsMark:   "testdata/mixed_reach_planted.txt",
	core.PlantKeepMarks:          "testdata/freed_mark_planted.txt",
	core.PlantCutClaims:          "testdata/claimed_cut_planted.txt",
	core.PlantClaimForgetsMark:   "testdata/claimed_late_planted.txt",
	core.PlantTakeNoEpoch:        "testdata/offered_epoch_planted.txt",
	core.PlantUntrackFirst:       "testdata/freed_tracked_planted.txt",
}

// TestPlantedBugs: each deliberate mistake is found within the budget of a normal run.
func TestPlantedBugs(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("takes a while")
	}
	for plant := core.PlantNone + 1; plant < core.PlantCount; plant++ {
		name := plantNames[plant]
		if name == "" {
			t.Errorf("planted mistake %d has no name here", plant)
		}
		if file := byStory[plant]; file != "" {
			script, err := os.ReadFile(file)
			if err != nil || !strings.Contains(tell(string(script)), "FAILED") {
				t.Errorf("%-20s not found by the story %s (%v)", name, file, err)
			}
			continue
		}
		seed, f := search(1, budget, plant)
		if f == nil {
			t.Errorf("%-20s not found in %d programs", name, budget)
			continue
		}
		t.Logf("%-20s seed %5d  %.120s", name, seed, f.Text)
	}
}
