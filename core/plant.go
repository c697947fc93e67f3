package core

// Plant names a deliberate mistake. The simulator plants each in turn and must find it within its normal budget: a
// checker that cannot fail proves nothing. The names are those of docs/model/bugs.sh.
type Plant uint8

const (
	PlantNone                Plant = iota
	PlantNoAck                     // unlock and barrier do not wait for acknowledgements (P4)
	PlantDropNotice                // a grant carries no notices (P13)
	PlantClearLog                  // a flush forgets the page (P1)
	PlantUntrackAny                // every home page becomes untracked at every barrier (P7)
	PlantNoDoom                    // a fetch that was invalidated in flight is installed (P6)
	PlantNoRetain                  // a granter keeps no notices (P13)
	PlantDoubleFlush               // two diffs of one page in flight (P2)
	PlantOwnAcks                   // unlock waits for its own flushes only (P4)
	PlantLogBeforeProtect          // the log entry is made in an earlier step than the flush (P1)
	PlantLogAfterProtect           // ... in a later one
	PlantLogDirtyOnly              // the log entry is made when a page becomes dirty, not when it is flushed (P1)
	PlantHomeNotProtected          // unlock and barrier leave dirty home pages as they are (P7)
	PlantServeCleans               // serving a dirty home page makes it clean without a log entry (P7)
	PlantRefetchBeforeAck          // a page is dropped and fetched again while its diff is in flight (P2)
	PlantDropRedirtied             // invalidation drops a page that was written again during its flush
	PlantNoEpochWait               // jia_lock does not wait for the granter's epoch (P10)
	PlantDropAllNotices            // leaving a barrier drops all lock notices (P9)
	PlantMarkAtExit                // the next interval begins at the barrier's exit, not at its collection (P9)
	PlantUntrackDespiteFetch       // a fetch served during the barrier does not keep a page tracked (P7)
	PlantUntrackAtArrival          // pages become untracked at the arrival instead of the exit (P7)
	PlantSecondTwin                // two faulting threads twin a page one after the other (P14)
	PlantForgetInFlight            // a barrier's notices are all there is of a page whose diff is under way (P9)
	PlantNewMarkLocally            // a hand-over between local threads moves the scope's mark (P5)
	PlantIgnoreMarks               // unlock and barrier do not look who has read home pages by himself (P15)
	PlantMarkKeepsAnnounced        // a page that was read by another host becomes untracked all the same (P15)
	PlantServeForgetsMark          // serving an untracked page makes it clean although others may have read it by themselves (P15)
	PlantOfferEarly                // a lock is offered before the notices of the release are added (P16)
	PlantOfferKept                 // a host takes its own free lock without looking whether it has gone (P16)
	PlantTakeIncomplete            // a lock is taken although not all notices are offered with it (P16)
	PlantTakeNoEpoch               // the epoch of an offer is not looked at (P16)

	PlantEvictFetching  // the frame of a page is given back while the page is on its way
	PlantEvictDirty     // a dirty victim is given up without a flush
	PlantEvictUnacked   // a dirty victim is gone, and may be fetched again, before its diff is acknowledged (P2)
	PlantEvictRedirtied // a victim is given up that was written again during its flush
	PlantProbeTwins     // the first access to a page that was probed makes a twin anew

	// The driver plants these, for they concern bytes.
	PlantWholePage      // a diff carries the whole page (P3)
	PlantReadModify     // the home applies a diff by rewriting the page (P3)
	PlantReadBeforeMark // the home reads a page before it protects it (P7)
	PlantMarkAfterRead  // a host that reads by itself marks the page when it has read it (P15)

	PlantMeetOnce         // freed memory is allocated again after the first rendezvous (P18)
	PlantFreeInFlight     // jia_free does not wait for what is under way (P18)
	PlantKeepFrames       // freed frames are not discarded (P18)
	PlantKeepRecords      // what a home knew of a freed page stays (P18)
	PlantKeepMarks        // marks of freed pages are taken in when the memory is in use again (P15, P18)
	PlantUntrackFirst     // pages become untracked before the second rendezvous, and so before the epoch rises (P10, P18)
	PlantFreeUnsent       // jia_free drops what a scope has left behind that goes on at this host (P5, P18)
	PlantClaimWritten     // a manager gives a page away that it has written itself (P17)
	PlantReadUndecided    // an undecided page is read from its manager without that host's processor (P17)
	PlantOldHomeServes    // a manager goes on serving a page that it has given away (P17)
	PlantClaimUntracked   // a claim is granted as if nobody had a blank copy (P17)
	PlantWriteBlank       // a blank copy is written without a claim (P17)
	PlantClaimForgetsMark // a mark that is taken in before the answer to the claim is forgotten (P17)
	PlantDiscardLate      // the frame is made zero when the answer to the claim has come (P17)
	PlantAtomicKeepsCopy  // a copy that was fetched while an atomic operation was under way is kept (P19)
	PlantAtomicUnlogged   // an atomic operation counts as no write of its host (P19)
	PlantAtomicOvertakes  // an atomic operation does not wait for the host's own stores to its page (P19)
	PlantAtomicAtHome     // a home's atomic operation counts as no store (P19)
	PlantAtomicEarlyLog   // an atomic operation is logged when it is sent (P19)
	PlantAtomicInTwo      // the driver: the home loads a word and stores it in two steps (P19)
	PlantTryForgetsPlace  // a host that was refused a lock keeps the request of who follows it (P20)
	PlantTryKeepsNext     // a host that was refused a lock does not pass on who follows it (P20)
	PlantTryNotWoken      // a host that was refused a lock does not wake its threads that wait for it (P20)
	PlantRWOverlap        // a reader is let in beside a writer (P21)
	PlantRWNoNotices      // a grant to a reader or writer carries no notices (P21)
	PlantRWSeenEarly      // notices count as seen when they arrive, before the copies are dropped (P21)
	PlantRWUnflushed      // a writer's release does not wait for what it has flushed (P21)
	PlantRWNoEpochWait    // who is let in does not wait for the manager's epoch (P21)
	PlantMarkLate         // pages are marked for a checkpoint after the second rendezvous (P22)
	PlantCutOnce          // there is no second rendezvous (P22)
	PlantForgetUnsaved    // what other hosts announce is not saved (P22)
	PlantForgetAtomics    // nor what a home's atomic operations store (P22)
	PlantCutForgetsMark   // a page that others may have read by themselves becomes idle when it is marked (P15, P22)
	PlantCutKeepsShut     // ... also if a thread of its home has stored to it since (P15, P22)
	PlantCutClaims        // a cut does not wait for claims (P17, P22)
	PlantZeroForgotten    // a checkpoint does not tell what was given back (P22)
	PlantForgetFailed     // what a failed checkpoint had to store is not part of the next one (P22)
	PlantCutOverlaps      // a cut begins before its host knows what became of the one before (P22)
	PlantNoCopy           // the driver: a page is not copied before it changes (P22)
	PlantNoGate           // the driver: other hosts' memory is stored to while it is being saved (P22)
	PlantRehomeOld        // a restored page lives where it would on as many hosts as there were (P23)
	PlantLoadFresh        // a page that was loaded where it lives is taken for one that nobody has written (P23)
	PlantLoadUnsaved      // ... and for one that needs not be saved (P22, P23)
	PlantLoadUndecided    // contents that come to the manager of a page of first touch do not decide its home (P17, P23)
	PlantMatchStays       // the next allocation of the checkpoint stays the next one when the program has got it (P23)
	PlantMatchForgets     // what is saved goes on saying that the program has not asked for an allocation (P23)
	PlantLoadAlone        // the driver: a program begins when its own host has loaded (P23)
	PlantLoadUnacked      // the driver: hosts meet before the pages that they have sent are acknowledged (P23)
	PlantLoadForgetsWords // the driver: words that atomic operations have changed are loaded as zero (P23)
	PlantLoadForgetsCVs   // the driver: condition variables that were set are not set again (P23)

	PlantCount
)
