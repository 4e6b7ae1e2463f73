// SPDX-License-Identifier: Apache-2.0

// An invitation of two by one, two devices each, as a model that spin checks in every state that there
// is: the switchboard's rules (core/judge/rules.hpp), the clock, a line that delays, loses and doubles,
// and what a device makes of what it hears (core/device/inbox.hpp). What it proves and what it leaves
// out is told in docs/reliability.md; check.py runs it, and again with each FAULT_ here, which has to
// be found.
//
// Whoever is there may ask anything at any time: an honest device, one that does not know yet, one that
// repeats itself, a hostile one. So no request needs a line: that it comes late is the same as that it
// is made late. And one device is watched, with the line to it: the one that invites, the inviter's other,
// or one of Ann's (for whom Ben is the same). What the others know changes nothing of what they may do, so
// what holds for the one watched holds for each.

#define DOOR 0
#define ANN 1
#define BEN 2
#define NOBODY 3
#define invitee(user) ((user) != DOOR)
#define bit(user) (1 << (user))

// ---------------------------------------------------------------------------------- what is so

mtype = {pending, accepted, rejected, cancelled, timed_out}   // an invitee's part
mtype = {waiting, lives, ended}                               // the call
mtype = {invite, accept, reject, cancel, modify, join, hangup, hangup_all, resume}
mtype = {done, dup, late, refused}                            // replies

bool first, is_call;             // answer "first"; call:true
byte rev;                        // 0: there is no invitation yet
mtype part[3] = pending;         // the door has none
byte by[3];                      // the device whose answer or cancel ended it, as `device` counts; 0: none
bool modified;
mtype call = waiting;
byte in;                         // who takes part, a bit each
byte was_in;                     // who ever did
byte place[3];                   // the device with which
byte hung_up[3];                 // the device that hung up last
bool overdue;                    // the deadline is over, whether or not the timer has fired

#define exists (rev > 0)
#define is_pending(user) (exists && part[user] == pending)
#define anyone_pending (is_pending(ANN) || is_pending(BEN))
#define takes_part(user) ((in & bit(user)) != 0)
/// A device, or 0 for one that need not be told from others.
#define device(user, which) ((me == NOBODY || (me == (user) && my == (which))) -> 2 * (user) + (which) + 1 : 0)

// --------------------------------------------------------------------------- what may be heard

mtype = {new_invitation, invitee_accepted, invitee_rejected, invitation_cancelled, invitation_timeout,
         invitation_modified, participant_joined, participant_left, call_ended}
mtype = {reply,
         standing,               // what `get` tells
         synced, nothing_open}   // what `sync` does

byte me;                         // the device that is watched: its user
byte my;                         // and which of theirs
bool connected = true;
bool keeps;                      // what the broker queues for it while it is away

// Of a message: what, rev, whom it names (bits), and the parts as they stand. An event of a request
// and all that it leads to are at most 4, the reply included; the clock says 3 in all, `get` 1.
#ifndef LONGER_LINE
#define room (len(line) + is_call <= 1)
#else
#define room (len(line) <= 1)
#endif
chan line = [9] of {mtype, byte, byte, mtype, mtype};

hidden byte said_events;

// What the device that is watched makes of it.
bool holds;                      // it knows of the invitation
byte v_rev;
mtype view[3] = pending;
bool v_modified;
mtype v_call = waiting;
byte v_in;
bool gap;                        // an event is missing
bool assumed;                    // the deadline passed while it was away: it rings no more
bool asks_get, asks_sync;
bool telling;                    // the answer to one of them is on the line
bool told_modified;

// What has been said of each, by which everything that follows is judged.
bool end_said[3], ok_to_accept[3];
byte answered[3];                // the device that was told ok to its accept, reject or cancel
byte rev_said = 1;
bool end_of_call_said;

inline deliver(what, whom) {
    if
    :: me != NOBODY && (connected || (keeps && what != new_invitation)) -> line!what, rev, whom, pending, pending
    :: else
    fi
}
/// To the audience: all three.
inline tell(what, whom) {
    said_events++;
    deliver(what, whom)
}
inline tell_raised(what, whom) {
    assert(rev == rev_said + 1);   // each raises it by one
    rev_said = rev;
    tell(what, whom)
}
inline tell_participants(what, whom, and_user) {
    said_events++;
    if
    :: me != NOBODY && (takes_part(me) || me == and_user) -> deliver(what, whom)
    :: else
    fi
}

// ------------------------------------------------------------------------------------ the rules

hidden byte ending, cancelled_before, asking_device;

inline end_part(user, how, who) {
    if
    :: is_pending(user) && (ending & bit(user)) ->
        part[user] = how;
        by[user] = who
    :: else
    fi
}
inline judge_end(user, how) {
    if
    :: ending & bit(user) ->
        assert(!end_said[user]);          // ends once, and nothing follows its end
        assert(how == accepted || !ok_to_accept[user]);
        end_said[user] = true
    :: else
    fi
}
/// `whom` are those of them who are pending; an event names them.
inline end_parts(whom, how, what, who) {
    ending = whom;
    end_part(ANN, how, who);
    end_part(BEN, how, who);
#ifdef FAULT_REV_NOT_RAISED
    if
    :: how != rejected -> rev++
    :: else -> rev_said--
    fi;
#else
    rev++;
#endif
    judge_end(ANN, how);
    judge_end(BEN, how);
    tell_raised(what, ending)
}
#define all_pending ((is_pending(ANN) * bit(ANN)) | (is_pending(BEN) * bit(BEN)))

inline enter(user) {
    in = in | bit(user);
    was_in = was_in | bit(user);
    place[user] = asking_device;
    hung_up[user] = 0
}
inline leave(user) {
    in = in & ~bit(user);
    place[user] = 0
}

/// Rows `deadline` and, before each request, `Switchboard::advance`.
inline expire() {
    if
    :: overdue && anyone_pending -> end_parts(all_pending, timed_out, invitation_timeout, 0)
    :: else
    fi
}

inline do_accept(user) {
    if
    :: asking_device && part[user] == accepted && by[user] == asking_device ->
#ifdef FAULT_REPEAT_COUNTS_TWICE
        end_parts(bit(user), accepted, invitee_accepted, asking_device);
        answer = done
#else
        answer = dup
#endif
    :: else ->
        if
        :: !invitee(user) -> answer = refused
        :: invitee(user) &&
#ifdef FAULT_ACCEPT_AFTER_TIMEOUT
           part[user] != pending && part[user] != timed_out
#elif defined FAULT_ACCEPT_AFTER_CANCEL
           part[user] != pending && part[user] != cancelled
#else
           part[user] != pending
#endif
           -> answer = late
        :: else ->
            part[user] = pending;   // it is, but for the faults above
            end_parts(bit(user), accepted, invitee_accepted, asking_device);
            answer = done;
            if
            :: is_call ->
                if
                :: call == waiting -> call = lives; in = bit(DOOR)
                :: else
                fi;
                enter(user)
            :: else
            fi;
            do_taken()
        fi
    fi
}
inline do_taken() {
#ifdef FAULT_SECOND_ACCEPT
    skip
#else
    if
    :: first && anyone_pending -> end_parts(all_pending, cancelled, invitation_cancelled, 0)
    :: else
    fi
#endif
}
inline do_reject(user) {
    if
    :: asking_device && part[user] == rejected && by[user] == asking_device -> answer = dup
    :: else ->
        if
        :: !invitee(user) -> answer = refused
        :: invitee(user) && part[user] != pending -> answer = late
        :: else ->
            end_parts(bit(user), rejected, invitee_rejected, asking_device);
            answer = done
        fi
    fi
}
#define ended_by_cancel(user, who) (who && part[user] == cancelled && by[user] == who)

/// Of those named who are pending. Who names some of several is told of each, if all have ended.
inline do_cancel(user, named) {
#ifdef FAULT_CANCEL_NAMES_WHO_ACCEPTED
    ending = (anyone_pending -> named : 0);
#else
    ending = named & all_pending;
#endif
    cancelled_before = named & ((ended_by_cancel(ANN, asking_device) * bit(ANN)) |
                                (ended_by_cancel(BEN, asking_device) * bit(BEN)));
    if
    :: !ending && cancelled_before ->
        ending = cancelled_before;   // the reply names them
        answer = dup
    :: else ->
        if
        :: invitee(user) -> answer = refused
        :: !invitee(user) && !ending -> answer = late
        :: else ->
            end_parts(ending, cancelled, invitation_cancelled, asking_device);
            answer = done
        fi
    fi
}
inline do_modify(user) {
    if
    :: invitee(user) -> answer = refused
    :: !invitee(user) && !anyone_pending -> answer = late
    :: else ->
        modified = true;
        rev++;
        tell_raised(invitation_modified, 0);
        answer = done
    fi
}

/// Rows `call_over` and, next to it, `call_was_over`.
inline end_call() {
    call = ended;
    assert(!end_of_call_said);
    end_of_call_said = true;
    tell(call_ended, 0);
    in = 0;
    was_in = 0;
    place[DOOR] = 0;
    place[ANN] = 0;
    place[BEN] = 0;
#ifndef FAULT_CALL_LEAVES_RINGING
    if
    :: anyone_pending -> end_parts(all_pending, cancelled, invitation_cancelled, 0)
    :: else
    fi;
#endif
    assert(!anyone_pending)     // nobody rings for a call that is over
}
#define two_are_left (in == (bit(DOOR) | bit(ANN)) || in == (bit(DOOR) | bit(BEN)) || in == (bit(ANN) | bit(BEN)))
inline leave_or_end(user, all) {
    if
    :: all || two_are_left -> end_call()
    :: else ->
        leave(user);
#ifdef FAULT_WHO_LEFT_IS_NOT_TOLD
        tell_participants(participant_left, bit(user), NOBODY)
#else
        tell_participants(participant_left, bit(user), user)
#endif
    fi
}
inline do_hangup(user, all) {
    if
    :: asking_device && hung_up[user] == asking_device && (!all || call != lives) -> answer = dup
    :: else ->
        if
        :: call != lives || !takes_part(user) || (all && invitee(user)) -> answer = refused
        :: else ->
            hung_up[user] = asking_device;
            leave_or_end(user, all);
            answer = done
        fi
    fi
}
/// Another of the user's devices takes over.
inline do_resume(user) {
    if
    :: call != lives || !takes_part(user) -> answer = refused
    :: else ->
        if
        :: asking_device && place[user] == asking_device -> answer = dup
        :: else ->
            // `participant_moved` changes nothing that a device holds.
            enter(user);
            answer = done
        fi
    fi
}
#define may_return(user) ((was_in & bit(user)) || \
                          (invitee(user) && !first && (part[user] == rejected || part[user] == timed_out)))
/// By who does not take part now.
inline do_join(user) {
    if
    :: call == lives && may_return(user) ->
        enter(user);
        tell_participants(participant_joined, bit(user), user);
        answer = done
    :: else -> answer = refused
    fi
}

// ---------------------------------------------------------------------------- whoever asks

hidden byte rev_before, must_be_dup, was_pending, was_on_line, caused, turns;
hidden mtype m_what, m_one, m_two;
hidden byte m_rev, m_whom;

/// The first `count` messages go to the end of the line.
inline rotate(count) {
    turns = count;
    do
    :: turns > 0 ->
        line?m_what, m_rev, m_whom, m_one, m_two;
        line!m_what, m_rev, m_whom, m_one, m_two;
        turns--
    :: else -> break
    od
}
hidden mtype answer;

inline do_invite(user, which) {
    if
    :: exists ->
        // Its own id again: the same, so nobody rings anew.
#ifdef FAULT_REPEAT_RINGS_AGAIN
        tell(new_invitation, 0);
#endif
        answer = dup
    :: else ->
        rev = 1;
        if
        :: is_call -> was_in = bit(DOOR); place[DOOR] = asking_device
        :: else
        fi;
        if
        :: me == user && my == which -> holds = true; v_rev = 1
        :: else -> deliver(new_invitation, 0)
        fi;
        answer = done
    fi
}

/// A request of a device, in the order of the contract: what is due, existence, repeats, permission, state.
inline handle(verb, user, which, named) {
    d_step {
        asking_device = device(user, which);
#ifndef FAULT_LATE_TIMER_DECIDES
        if
        :: exists -> expire()
        :: else
        fi;
#endif
        rev_before = rev;
        was_on_line = len(line);
        was_pending = invitee(user) && is_pending(user);
        said_events = 0;
        must_be_dup = asking_device &&
            ((verb == accept && answered[user] == asking_device && part[user] == accepted) ||
             (verb == reject && answered[user] == asking_device && part[user] == rejected) ||
             (verb == cancel && !(named & all_pending) &&
              (((named & bit(ANN)) && answered[ANN] == asking_device && !invitee(user)) ||
               ((named & bit(BEN)) && answered[BEN] == asking_device && !invitee(user)))));
        if
        :: verb == invite -> do_invite(user, which)
        :: verb != invite && (!exists || verb == 0) -> answer = refused
        :: exists && (verb == accept || (verb == join && was_pending)) -> do_accept(user)
        :: exists && verb == reject -> do_reject(user)
        :: exists && verb == cancel -> do_cancel(user, named)
        :: exists && verb == modify -> do_modify(user)
        :: exists && verb == join && !was_pending && !takes_part(user) -> do_join(user)
        :: exists && verb == hangup -> do_hangup(user, false)
        :: exists && verb == hangup_all -> do_hangup(user, true)
        :: exists && (verb == resume || (verb == join && !was_pending && takes_part(user))) -> do_resume(user)
        fi;
        assert(answer == dup || !must_be_dup);
        assert(answer == done || (rev == rev_before && said_events == 0));   // nothing else changes anything
        if
        :: answer == done && (verb == accept || (verb == join && was_pending)) ->
            assert(!overdue);                                       // nobody answers after the deadline
            assert(!ok_to_accept[user]);
            assert(!first || !ok_to_accept[ANN + BEN - user]);      // one takes it
            ok_to_accept[user] = true;
            answered[user] = asking_device
        :: answer == done && verb == reject -> answered[user] = asking_device
        :: answer == done && verb == cancel ->
            if :: ending & bit(ANN) -> answered[ANN] = asking_device :: else fi;
            if :: ending & bit(BEN) -> answered[BEN] = asking_device :: else fi
        :: else
        fi;
        if
        :: exists && first && (ok_to_accept[ANN] || ok_to_accept[BEN]) -> assert(!anyone_pending)
        :: else
        fi;
        if
        :: user == me && which == my && connected && answer != refused ->
            // It goes before the events that the request caused.
            caused = len(line) - was_on_line;
            rotate(was_on_line);
            line!reply, rev, (verb == cancel -> ending : bit(user)), verb, answer;
            rotate(caused)
        :: else
        fi;
        answer = 0
    }
}

byte cuts, doubles;      // so often the line breaks, and something comes twice

inline choose_verb() {
    if
    :: user == DOOR && which == 0 -> verb = invite
    :: exists -> verb = accept
    :: exists -> verb = reject
    :: exists -> verb = cancel;
                 if :: named = bit(ANN) :: named = bit(BEN) :: named = bit(ANN) | bit(BEN) fi
    :: exists && !modified && !is_call -> verb = modify
    :: exists && is_call -> verb = join
    :: exists && is_call -> verb = hangup
    :: exists && is_call -> verb = hangup_all
    :: exists && is_call -> verb = resume
    :: else -> skip
    fi
}

active proctype anybody() {
    byte user, which, named;
    mtype verb;

    // What is asked, of whom, and who is watched.
    atomic {
        if :: first = false :: first = true fi;
#ifdef NO_CALL
        is_call = false;
#else
        if :: is_call = true :: is_call = false fi;
#endif
#ifdef RULES_ALONE
        me = NOBODY
#elif defined INVITEE_IS_CUT_OFF
        me = ANN;
        cuts = 1
#else
        if
        :: me = ANN
        :: me = DOOR
        :: me = DOOR; my = 1
        :: me = NOBODY
        fi;
        if
        :: me == NOBODY
        :: me != NOBODY -> if :: doubles = 1 :: cuts = 1 fi
        fi
#endif
    }
    do
    :: rev >= 0                 // always: nobody has to ask
    :: atomic {
        room ->
        if :: user = DOOR :: user = ANN :: user = BEN fi;
        if :: which = 0 :: me == NOBODY || me == user || user == DOOR -> which = 1 fi;
        if
        :: asks_sync && user == me && which == my -> skip   // its sync comes before anything else
        :: else -> choose_verb()
        fi;
        handle(verb, user, which, named);
        verb = 0; user = 0; which = 0; named = 0
    }
    od
}
/// What comes to pass that nobody asks for. The clock alone is sure to go on: all else may happen, or not.
active proctype clock() {
    do
    :: exists && !overdue -> overdue = true
#ifndef FAULT_NO_TIMER
    :: atomic { overdue && anyone_pending -> d_step { expire() } }
#endif
    :: atomic { call == lives -> d_step { end_call() } }          // max_call
    od
}
active proctype absence() {
    byte user;

    do
    :: rev >= 0                                                   // always: or nobody is lost
    :: atomic { room && anyone_pending ->                         // inviter_lost
        d_step { end_parts(all_pending, cancelled, invitation_cancelled, 0) } }
    :: atomic { room && call == lives ->                          // participant_lost
        if
        :: takes_part(DOOR) -> user = DOOR
        :: takes_part(ANN) -> user = ANN
        :: takes_part(BEN) -> user = BEN
        fi;
        d_step { leave_or_end(user, false); user = 0 } }
    od
}

// ------------------------------------------------------------------- the device that is watched

#define rings (holds && !assumed && ((invitee(me) && view[me] == pending) || \
                                     (me == DOOR && (view[ANN] == pending || view[BEN] == pending))))

inline join_call(user) {
    if
    :: v_call == waiting -> v_call = lives; v_in = bit(DOOR) | bit(user)
    :: else ->
        if
        :: user == me -> asks_get = true
        :: else
        fi;
        if
        :: v_call == lives -> v_in = v_in | bit(user)
        :: else
        fi
    fi
}
inline leave_call(user) {
    if
    :: (v_in & bit(me)) -> v_in = v_in & ~bit(user)
    :: else
    fi
}
inline over_call() {
    if
    :: v_call == lives ->
        v_call = ended;
        v_in = 0
    :: else
    fi
}
inline apply_end(user, how) {
    if
    :: (whom & bit(user)) && view[user] == pending ->
        view[user] = how;
        if
        :: how == accepted && is_call -> join_call(user)
        :: else
        fi
    :: else
    fi
}
inline apply_ends(how) {
    apply_end(ANN, how);
    apply_end(BEN, how)
}
inline apply(what) {
    if
    :: what == invitee_accepted -> apply_ends(accepted)
    :: what == invitee_rejected -> apply_ends(rejected)
    :: what == invitation_cancelled -> apply_ends(cancelled)
    :: what == invitation_timeout -> apply_ends(timed_out)
    :: what == invitation_modified ->
        assert(!told_modified);   // told once
        v_modified = true;
        told_modified = true
    fi
}
inline take_new() {
    if
    :: !holds ->
        holds = true;
        v_rev = r
    :: else
    fi
}
inline take_change(what) {
    if
    :: !holds -> asks_get = true
#ifdef FAULT_DEVICE_IGNORES_REV
    :: holds -> v_rev = r; apply(what)
#else
    :: holds && r <= v_rev
    :: holds && r > v_rev ->
        if
        :: r > v_rev + 1 -> gap = true
        :: else
        fi;
        v_rev = r;
        apply(what);
        asks_get = asks_get || gap
#endif
    fi
}
inline take_of_call(what) {
    if
    :: !holds -> asks_get = asks_get || (what == participant_joined && (whom & bit(me)))
    :: else ->
        if
        :: what == participant_joined ->
            if
            :: whom & bit(DOOR) -> join_call(DOOR)
            :: whom & bit(ANN) -> join_call(ANN)
            :: whom & bit(BEN) -> join_call(BEN)
            fi
        :: what == participant_left ->
            if
            :: whom & bit(DOOR) -> leave_call(DOOR)
            :: whom & bit(ANN) -> leave_call(ANN)
            :: whom & bit(BEN) -> leave_call(BEN)
            fi
        :: what == call_ended -> over_call()
        fi;
        asks_get = asks_get || (r > v_rev && (v_in & bit(me)))
    fi
}
/// What is not above what is known is not so any more.
inline take_standing() {
    telling = false;
    asks_in = whom & 7;
    call_told = (whom & 16 -> lives : (whom & 32 -> ended : waiting));
    open_told = one == pending || two == pending || call_told == lives;
    if
    :: !holds && (open_told || me == DOOR) ->
        holds = true;
        v_rev = r;
        view[ANN] = one;
        view[BEN] = two;
        v_modified = (whom & 8) != 0;
        told_modified = v_modified;
        v_call = call_told;
        v_in = asks_in
    :: !holds && !open_told && me != DOOR
    :: holds && r < v_rev -> asks_get = asks_get || gap
    :: holds && r >= v_rev ->
        gap = false;
        // What was told is never taken back, but for what the device took for a timeout.
        assert(view[ANN] == pending || view[ANN] == one || (assumed && me == ANN));
        assert(view[BEN] == pending || view[BEN] == two || (assumed && me == BEN));
        assumed = false;
        v_rev = r;
        view[ANN] = one;
        view[BEN] = two;
        if
        :: !v_modified && (whom & 8) -> v_modified = true; told_modified = true
        :: else
        fi;
        if
        :: call_told == ended && v_call == waiting -> v_call = ended
        :: call_told == ended && v_call == lives -> over_call()
        :: call_told == lives -> assert(v_call != ended); v_call = lives; v_in = asks_in
        :: else
        fi
    fi;
    asks_in = 0; call_told = 0; open_told = 0
}
inline take_reply(verb) {
    if
    :: !holds
    :: holds && two == late -> asks_get = true
    :: holds && two != late ->
        if
        :: verb == accept -> apply_ends(accepted)
        :: verb == reject -> apply_ends(rejected)
        :: verb == cancel ->
            if
            :: r > v_rev + 1 -> gap = true; asks_get = true
            :: else
            fi;
            apply_ends(cancelled)
        :: verb == join && view[me] == pending && invitee(me) -> apply_ends(accepted)
        :: verb == join && (view[me] != pending || me == DOOR) -> join_call(me)
        :: else
        fi
    fi
}

hidden byte asks_in;
hidden mtype call_told;
hidden byte open_told;

inline take() {
    if
    :: what == new_invitation -> take_new()
    :: what == participant_joined || what == participant_left || what == call_ended -> take_of_call(what)
    :: what == reply -> take_reply(one)
    :: what == standing -> take_standing()
    :: what == synced -> asks_sync = false; take_standing()
    :: what == nothing_open -> asks_sync = false; telling = false; asks_get = asks_get || holds
    :: else -> take_change(what)
    fi
}

active proctype watched() {
    mtype what, one, two;
    byte r, whom;

    do
    :: atomic { connected && nempty(line) ->
        line?what, r, whom, one, two;
        d_step { take(); what = 0; r = 0; whom = 0; one = 0; two = 0 } }
    :: atomic { connected && doubles > 0 && nempty(line) ->
        doubles--;
        line?<what, r, whom, one, two>;
        d_step {
            if
            :: what == reply || what == standing || what == synced || what == nothing_open -> skip  // known by `req`
            :: else -> take()
            fi;
            what = 0; r = 0; whom = 0; one = 0; two = 0 } }
    :: atomic { connected && cuts > 0 ->
        cuts--;
        connected = false;
        asks_get = false;
        asks_sync = false;
        telling = false;
        if
        :: keeps = true                 // a session that the broker keeps
        :: do                           // or one that ends with the connection
           :: nempty(line) -> line?what, r, whom, one, two
           :: empty(line) -> break
           od
        fi;
        what = 0; r = 0; whom = 0; one = 0; two = 0 }
    :: atomic { !connected && keeps -> keeps = false }   // its queue is full
    :: atomic { !connected && overdue && rings ->
        assumed = true;
        if
        :: invitee(me) -> view[me] = timed_out
        :: else
        fi }
    :: atomic { !connected ->
        connected = true;
        keeps = false;
#ifndef FAULT_DEVICE_DOES_NOT_SYNC
        asks_sync = true;
#endif
        // What rang before is no news.
        if
        :: line?[new_invitation, r, whom, one, two] -> line?what, r, whom, one, two
        :: else
        fi;
        what = 0; r = 0; whom = 0; one = 0; two = 0 }
    od
}

#define told (in | (modified -> 8 : 0) | (call == lives -> 16 : 0) | (call == ended -> 32 : 0))
#define is_open (anyone_pending || call == lives)

/// `sync` and `get` of the one watched.
active proctype asking() {
    do
    :: atomic { me != NOBODY && connected && (asks_sync || asks_get) && !telling ->
        telling = true;
        if
        :: asks_sync && exists && is_open -> line!synced, rev, told, part[ANN], part[BEN]
        :: asks_sync && !(exists && is_open) -> line!nothing_open, 0, 0, pending, pending
        :: !asks_sync && exists -> line!standing, rev, told, part[ANN], part[BEN]
        :: else -> telling = false
        fi;
        asks_get = asks_get && asks_sync }
    od
}

// ------------------------------------------------------------------------------ what must hold

#define as_it_is(user) (view[user] == part[user])
#define knows (as_it_is(ANN) && as_it_is(BEN) && v_modified == modified && v_call == call)
#define knows_who_talks (v_in == in || !((v_in | in) & bit(me)))
#define is_asked ((invitee(me) && is_pending(me)) || (me == DOOR && anyone_pending))
#define right ((holds && knows && knows_who_talks) || (!holds && !is_asked && !(exists && takes_part(me))))

/// Nothing is on its way to a device that is there: it knows how all stands.
active proctype judge() {
    atomic {
        me != NOBODY && connected && empty(line) && !asks_get && !asks_sync && !telling &&
            !right -> assert(false)
    }
}

/// All ends, for all, and whatever the device was told and not told, it rings no more and knows how.
ltl all_ends { <>[] (!exists || (!anyone_pending && call != lives && !rings && (!holds || me == NOBODY || knows))) }
