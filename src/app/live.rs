//! The live view: the board, drawn at the foot of the terminal ten times a second.
//!
//! It is there only where somebody can see it: standard error is a terminal that can move its cursor. What else is
//! written to the terminal goes through the [`Screen`], above the view.

use std::convert::Infallible;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::messages;
use crate::conduct;
use crate::model::{Event, Reporter, Stamped};
use crate::report::{Board, BoardLine};
use crate::telemetry::{self, Screen};
use crate::wait::Wait;

/// The colour of what is to be looked at.
const RED: &str = "\x1b[31m";
/// It has no more lines than this.
const MOST_ROWS: usize = 24;

/// Draws what happens.
pub(super) struct LiveView {
    shared: Arc<Shared>,
    /// Until the end of the run: nothing is sent, but the thread ends when it is dropped, and drops its own.
    thread: Option<(Sender<Infallible>, Receiver<Infallible>)>,
}

struct Shared {
    board: Mutex<Board>,
    screen: Screen,
    color: bool,
}

impl LiveView {
    /// Begins to draw. None where nobody could see it, and where no thread can be had for what is only nice to have.
    pub(super) fn start(screen: &Screen) -> Option<Self> {
        if telemetry::terminal_is_dumb() || !std::io::stderr().is_terminal() {
            return None;
        }
        let shared =
            Arc::new(Shared { board: Mutex::default(), screen: screen.clone(), color: messages::colors_are_wanted() });
        let drawn = Arc::clone(&shared);
        let ((wanted, unwanted), (drawing, ended)) = (bounded(0), bounded(0));
        let body = move || {
            drawn.run(&unwanted);
            drop::<Sender<Infallible>>(drawing);
        };
        std::thread::Builder::new().name("live view".to_owned()).spawn(body).ok()?;
        screen.begin();
        Some(Self { shared, thread: Some((wanted, ended)) })
    }

    fn end(&mut self) {
        if let Some((wanted, ended)) = self.thread.take() {
            drop(wanted);
            // A terminal that takes nothing holds up the drawing, which holds the screen, and nothing else.
            if Wait::ThreadsEnd.receive(&ended, None) == Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
        self.shared.screen.end();
    }
}

impl Reporter for LiveView {
    fn report(&mut self, stamped: &Stamped) -> std::io::Result<()> {
        lock(&self.shared.board).take(stamped);
        if matches!(stamped.event, Event::RunEnded { .. }) {
            self.end();
        }
        Ok(())
    }
}

impl Drop for LiveView {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end();
        }
    }
}

impl Shared {
    fn run(&self, unwanted: &Receiver<Infallible>) {
        self.draw();
        while Wait::LiveView.receive(unwanted, None) == Err(RecvTimeoutError::Timeout) {
            self.draw();
        }
    }

    fn draw(&self) {
        let (width, height) = telemetry::terminal_size();
        let now = conduct::now();
        let rows = usize::from(height).saturating_sub(3).clamp(2, MOST_ROWS);
        let lines = lock(&self.board).lines(now, usize::from(width).saturating_sub(1), rows);
        let color = |bad| if bad && self.color { RED } else { "" };
        self.screen.draw(lines.into_iter().map(|BoardLine { text, bad }| (text, color(bad))).collect());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
