/* words.pml -- locks whose words all hosts reach (P16): a tail for the queue, and for each host a cell in which it offers the
 * lock while that is free there. The queue of P12 without its manager: what the message LockReq does there, an exchange of the
 * tail does here; LockFwd and LockGrant are messages as ever. Several steps write a cell, and several read it.
 *
 * Checked: one holder; its notices are complete (here: it knows the newest version); nobody waits for ever.
 * -DHOSTS (3), -DROUNDS (2): scopes of each host. Some offers, at will, lack old notices, so that they are good only for hosts that
 * have seen enough.
 * -DBUG_OFFER_FIRST: the word before the rest. -DBUG_OFFER_KEPT: the own free lock is taken without looking at the word.
 * -DBUG_NO_VERSION: the word says whether there is an offer, but not which. -DBUG_TAKE_INCOMPLETE: any offer will do. */
#ifndef HOSTS
#define HOSTS 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define Elsewhere 0
#define Free 1
#define Held 2
byte tail;                                        /* host + 1; 0: nobody has asked yet */
byte word[HOSTS];                                 /* of the cell: the version that is offered + 1; 0: no offer */
byte since[HOSTS], content[HOSTS];                /* of the cell: content is the newest version whose notices are in it */
byte token[HOSTS], seen[HOSTS], next[HOSTS];      /* next: host + 1 */
bit offered[HOSTS], requested[HOSTS], mutex[HOSTS];
byte forward[HOSTS];                              /* LockFwd on its way to a host, for host + 1 */
byte grant[HOSTS];                                /* LockGrant on its way to a host: version + 1 */
byte version, inside;                             /* the truth */

#ifdef BUG_NO_VERSION
#define WORD(v) 1
#else
#define WORD(v) ((v)+1)
#endif

/* Is the free lock of h still there? In one step with what follows. */
inline TAKE_BACK(h) {
  if
  :: token[h]==Free && offered[h] ->
       offered[h]=0;
#ifndef BUG_OFFER_KEPT
       if :: word[h]==0 -> token[h]=Elsewhere :: else -> word[h]=0 fi
#else
       word[h]=0
#endif
  :: else
  fi
}

inline GRANT(h, to) {
  assert(grant[to]==0); grant[to]=seen[h]+1; token[h]=Elsewhere
}

proctype Server(byte h) {
  byte other;
end: do
  :: atomic { forward[h] && !mutex[h] -> other=forward[h]-1; forward[h]=0; assert(next[h]==0);
       TAKE_BACK(h);
       if
       :: token[h]==Free -> GRANT(h, other)
       :: else -> assert(token[h]==Held || requested[h]); next[h]=other+1
       fi; other=0 }
  od
}

proctype Thread(byte h) {
  byte n, before, was, enough;
  do
  :: n==ROUNDS -> break
  :: n<ROUNDS -> n++;
    atomic { TAKE_BACK(h);
      if
      :: token[h]==Free -> token[h]=Held; goto in
      :: else -> before=tail; tail=h+1;             /* under the mutex of the host */
           if :: before==0 -> token[h]=Held; goto in
              :: else -> before--; assert(before!=h); requested[h]=1
           fi
      fi };
    was=word[before];
    enough=since[before];
    atomic {
      if
#ifdef BUG_TAKE_INCOMPLETE
      :: was!=0 && word[before]==was -> word[before]=0
#else
      :: was!=0 && enough<=seen[h] && word[before]==was -> word[before]=0
#endif
      :: else -> goto ask
      fi };
    if
    :: since[before]<=seen[h] -> seen[h]=content[before]
    :: else /* some are missing */
    fi;
    atomic { requested[h]=0; token[h]=Held; goto in };
ask:
    atomic { assert(forward[before]==0); forward[before]=h+1 };
    atomic { grant[h] -> seen[h]=grant[h]-1; grant[h]=0; requested[h]=0; token[h]=Held };
in:
    atomic { was=0; enough=0; before=0; inside++; assert(inside==1); assert(seen[h]==version) };
    atomic { inside--; version++; };
    /* the release, under the mutex of the host: only who reads the cell comes between */
    atomic { mutex[h]=1; seen[h]=version;
      if
      :: next[h] -> GRANT(h, next[h]-1); next[h]=0; mutex[h]=0; goto out
      :: else
      fi };
#ifdef BUG_OFFER_FIRST
    word[h]=WORD(seen[h]);
#endif
    if :: since[h]=0 :: since[h]=seen[h]-1 fi;
    content[h]=seen[h];
    atomic { token[h]=Free; offered[h]=1; mutex[h]=0;
#ifndef BUG_OFFER_FIRST
      word[h]=WORD(seen[h])
#endif
    };
out:
    skip
  od
}

init {
  byte i;
  atomic { for (i : 0 .. HOSTS-1) { run Server(i); run Thread(i) } }
}
