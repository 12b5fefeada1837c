//! The live view: the board, drawn at the bottom of the terminal ten times a second.
//!
//! It is shown only if standard error is a terminal that can move its cursor. Everything else that is written to the
//! terminal goes through the [`Screen`] and appears above the view.

use std::convert::Infallible;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::messages;
use crate::conduct;
use crate::model::{Event, Reporter, Stamped, lock};
use crate::report::{Board, BoardLine};
use crate::telemetry::{self, Screen};
use crate::wait::Wait;

/// The color for lines that need attention.
const RED: &str = "\x1b[31m";
/// The maximum number of lines of the view.
const MOST_ROWS: usize = 24;

/// Draws the live view.
pub(super) struct LiveView {
    shared: Arc<Shared>,
    /// The ends of two channels, until the end of the run. Nothing is sent: dropping the sender ends the thread, and
    /// the thread drops its own sender when it ends.
    thread: Option<(Sender<Infallible>, Receiver<Infallible>)>,
}

struct Shared {
    board: Mutex<Board>,
    screen: Screen,
    color: bool,
}

impl LiveView {
    /// Starts to draw. Returns `None` if nobody could see the view, or if no thread can be created: the view is
    /// optional.
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
        let Some((wanted, ended)) = self.thread.take() else { return };
        drop(wanted);
        // A terminal that accepts no output blocks only the drawing thread. That thread holds the screen, so leave it
        // alone.
        if Wait::ThreadsEnd.receive(&ended, None) != Err(RecvTimeoutError::Timeout) {
            self.shared.screen.end();
        }
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
        self.end();
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
