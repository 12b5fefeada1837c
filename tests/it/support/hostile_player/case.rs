//! Which cases there are: in each state of a conversation, each thing that may be said or done.

use std::collections::BTreeMap;

use super::super::soak::Random;
use super::words;

/// A point of an honest conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// A connection was taken, and `hello` was not read.
    Connected,
    /// `hello` was read.
    Greeted,
    /// `welcome` was said.
    Welcomed,
    /// The plan was read.
    Planned,
    /// It was taken.
    PlanTaken,
    /// The worker is to get ready.
    Arming,
    /// It is ready.
    Armed,
    /// A phase has begun.
    Going,
    /// A step has started.
    Started,
    /// Half of what it prints was sent.
    HalfPrinted,
    /// Its end was told, and half of its output is missing.
    EndTold,
    /// It is over.
    StepOver,
    /// It goes on in the background.
    Spawned,
    /// The worker waits at a barrier.
    AtBarrier,
    /// It may go on.
    Released,
    /// Half of a fetched file was sent.
    Fetching,
    /// All of it was sent, and the conductor has not said that it has it.
    Fetched,
    /// A file of the conductor's is wanted.
    PutWanted,
    /// It comes.
    Putting,
    /// The phase is over.
    Through,
    /// A step of Reset has started.
    Resetting,
    /// The player has said that it leaves.
    Leaving,
    /// It has left.
    Left,
    /// What was spawned is to be stopped.
    TrialEnding,
    /// The conductor has taken leave.
    Parting,
    /// The connection was made again.
    Resumed,
    /// The phase is to be stopped.
    Stopping,
}

impl State {
    pub const ALL: [Self; 27] = [
        Self::Connected,
        Self::Greeted,
        Self::Welcomed,
        Self::Planned,
        Self::PlanTaken,
        Self::Arming,
        Self::Armed,
        Self::Going,
        Self::Started,
        Self::HalfPrinted,
        Self::EndTold,
        Self::StepOver,
        Self::Spawned,
        Self::AtBarrier,
        Self::Released,
        Self::Fetching,
        Self::Fetched,
        Self::PutWanted,
        Self::Putting,
        Self::Through,
        Self::Resetting,
        Self::Leaving,
        Self::Left,
        Self::TrialEnding,
        Self::Parting,
        Self::Resumed,
        Self::Stopping,
    ];

    /// How often an honest worker of the plan of these tests comes here.
    fn occurrences(self) -> usize {
        match self {
            Self::Arming | Self::Armed | Self::Going | Self::Through => 4,
            Self::Started | Self::StepOver => 2,
            _ => 1,
        }
    }
}

/// What a hostile player does once it has deviated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It goes on as if nothing had happened.
    GoesOn,
    /// It gives signs of life and does nothing else, for a while or for ever.
    Lives,
    /// It neither reads nor writes, for a while or for ever.
    Silent,
    Closes,
    Resets,
    ClosesHalf,
}

/// How it takes a connection that is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It goes on where it was.
    Resumes,
    /// There is no such session.
    Refuses,
    /// It says that it is another one.
    IsAnother,
    /// It says something else.
    Babbles,
}

/// One hostile player.
#[derive(Debug, Clone)]
pub struct Case {
    pub seed: u64,
    pub state: State,
    pub kind: &'static str,
    /// At which occasion, if it comes to that state more than once.
    pub occasion: usize,
    pub then: Then,
    pub again: Again,
    /// Whether it has no end of patience, and a flood no end before the conductor's.
    pub patient: bool,
    pub heavy: bool,
}

impl Case {
    /// A case of this state and this kind.
    pub fn new(seed: u64, state: State, kind: &'static str) -> Self {
        let mut random = Random(seed);
        let then = *random.one_of(&[
            Then::GoesOn,
            Then::GoesOn,
            Then::GoesOn,
            Then::Lives,
            Then::Silent,
            Then::Closes,
            Then::Resets,
            Then::ClosesHalf,
        ]);
        let again = *random.one_of(&[Again::Resumes, Again::Resumes, Again::Refuses, Again::IsAnother, Again::Babbles]);
        let occasion = random.below(state.occurrences());
        Self { seed, state, kind, occasion, then, again, patient: false, heavy: false }
    }
}

/// How often each thing was said in each state.
#[derive(Debug, Default, Clone)]
pub struct Counts(pub BTreeMap<(State, &'static str), usize>);

impl Counts {
    pub fn add(&mut self, case: &Case) {
        *self.0.entry((case.state, case.kind)).or_default() += 1;
    }

    pub fn of(&self, state: State, kind: &'static str) -> usize {
        self.0.get(&(state, kind)).copied().unwrap_or(0)
    }

    /// The cells of the table, with how often each was met.
    pub fn cells(&self) -> impl Iterator<Item = (State, &'static str, usize)> {
        let kinds = words::kinds();
        let cells =
            State::ALL.into_iter().flat_map(move |state| kinds.clone().into_iter().map(move |kind| (state, kind)));
        cells.map(|(state, kind)| (state, kind, self.of(state, kind)))
    }
}

/// So many cases: first one of each cell of the table, in an order of the seed's in which the first have every state and
/// every thing to say; then at random. Of a thousand of these one is a long flood.
pub fn cases(count: usize, seed: u64) -> Vec<Case> {
    let mut random = Random(seed);
    let (mut states, mut kinds) = (State::ALL.to_vec(), words::kinds());
    shuffle(&mut states, &mut random);
    shuffle(&mut kinds, &mut random);
    let (cells, together) = (states.len() * kinds.len(), least_common_multiple(states.len(), kinds.len()));
    let case = |at: usize| {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(at as u64);
        if at < cells {
            return Case::new(seed, states[at % states.len()], kinds[(at + at / together) % kinds.len()]);
        }
        if at % 1000 == 999 {
            let kind = *random.one_of(&["flood", "warnings", "alternate"]);
            let then = Then::GoesOn;
            return Case {
                heavy: true,
                then,
                ..Case::new(seed, *random.one_of(&[State::Started, State::Fetching]), kind)
            };
        }
        let (state, kind) = (random.below(states.len()), random.below(kinds.len()));
        Case::new(seed, states[state], kinds[kind])
    };
    (0..count).map(case).collect()
}

fn shuffle<T>(list: &mut [T], random: &mut Random) {
    for at in (1..list.len()).rev() {
        list.swap(at, random.below(at + 1));
    }
}

fn least_common_multiple(one: usize, other: usize) -> usize {
    (1..=other).map(|times| one * times).find(|multiple| multiple % other == 0).unwrap_or(one * other)
}
