//! The tests' own relay does what it says: a test of faults is worth what its faults are.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::support::relay::{Relay, Way};

/// A relay, and both ends of a connection through it.
fn connected() -> (Relay, TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = Relay::to(listener.local_addr().unwrap().port());
    let (conductor, player) = connect(&relay, &listener);
    (relay, listener, conductor, player)
}

fn connect(relay: &Relay, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let conductor = TcpStream::connect(("127.0.0.1", relay.port)).unwrap();
    let player = listener.accept().unwrap().0;
    for stream in [&conductor, &player] {
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream.set_nodelay(true).unwrap();
    }
    (conductor, player)
}

/// Reads as much as was expected.
fn read(mut stream: &TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// What comes at the end of a connection.
fn end(mut stream: &TcpStream) -> Result<Vec<u8>, ErrorKind> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map(|_| bytes).map_err(|error| error.kind())
}

fn hears_nothing(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let heard = (&*stream).read(&mut [0; 1]).map_err(|error| error.kind());
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    heard == Err(ErrorKind::WouldBlock)
}

#[test]
fn it_hands_on_everything_both_ways_and_each_end() {
    let (relay, _listener, mut conductor, mut player) = connected();
    let much: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_be_bytes).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            player.write_all(&much).unwrap();
            player.shutdown(std::net::Shutdown::Write).unwrap();
        });
        assert!(end(&conductor).unwrap() == much);
    });
    conductor.write_all(b"later").unwrap();
    assert_eq!(read(&player, 5), b"later");
    assert_eq!((relay.accepted(), relay.open(), relay.recorded(0)), (1, 1, b"later".to_vec()));
    // What was handed on is counted right behind it.
    let passed = || (relay.passed(Way::ToConductor), relay.passed(Way::ToPlayer));
    while passed() != (12_000_000, 5) {
        assert!(passed() <= (12_000_000, 5));
        std::thread::yield_now();
    }
    drop(conductor);
    assert_eq!(end(&player).unwrap(), b"");
}

#[test]
fn what_is_delayed_does_not_wait_for_what_is_delayed() {
    let (relay, _listener, mut conductor, player) = connected();
    relay.delay(Way::ToPlayer, Duration::from_millis(300));
    let start = Instant::now();
    for _ in 0..100 {
        conductor.write_all(b"x").unwrap();
    }
    read(&player, 100);
    // One after the other they would take half a minute.
    assert!((Duration::from_millis(300)..Duration::from_secs(15)).contains(&start.elapsed()));
    relay.delay(Way::ToPlayer, Duration::ZERO);
    conductor.write_all(b"y").unwrap();
    assert_eq!(read(&player, 1), b"y");
}

#[test]
fn a_narrow_link_takes_its_time() {
    let (relay, _listener, mut conductor, player) = connected();
    relay.rate(Way::ToPlayer, Some(100_000));
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| read(&player, 50_000));
        conductor.write_all(&vec![0; 50_000]).unwrap();
    });
    assert!(start.elapsed() >= Duration::from_millis(450), "{:?}", start.elapsed());
}

#[test]
fn what_is_stalled_comes_later() {
    let (relay, listener, mut conductor, mut player) = connected();
    relay.stall(Way::ToPlayer);
    conductor.write_all(b"later").unwrap();
    assert!(hears_nothing(&player));
    player.write_all(b"now").unwrap();
    assert_eq!(read(&conductor, 3), b"now");
    drop(conductor);
    let (mut second, at_player) = connect(&relay, &listener);
    second.write_all(b"too").unwrap();
    assert!(hears_nothing(&player) && hears_nothing(&at_player));
    relay.flow(Way::Both);
    assert_eq!(end(&player).unwrap(), b"later");
    assert_eq!(read(&at_player, 3), b"too");
}

#[test]
fn what_is_stranded_never_comes_and_a_new_connection_works() {
    let (relay, listener, mut conductor, player) = connected();
    relay.strand();
    conductor.write_all(b"never").unwrap();
    assert!(hears_nothing(&player));
    let (mut second, at_player) = connect(&relay, &listener);
    second.write_all(b"new").unwrap();
    assert_eq!(read(&at_player, 3), b"new");
    relay.cut();
    assert_eq!(end(&at_player).unwrap(), b"");
}

#[test]
fn a_cut_comes_after_as_many_bytes_as_were_wanted() {
    let (relay, listener, mut conductor, player) = connected();
    relay.cut_after(Way::ToPlayer, 7);
    conductor.write_all(b"1234567890").unwrap();
    assert_eq!(end(&player).unwrap(), b"1234567");
    assert!(!matches!(end(&conductor), Ok(bytes) if !bytes.is_empty()));
    let (mut second, at_player) = connect(&relay, &listener);
    second.write_all(b"1234567890").unwrap();
    assert_eq!(read(&at_player, 10), b"1234567890");
}

#[test]
fn a_half_is_closed_and_the_other_goes_on() {
    let (relay, _listener, mut conductor, mut player) = connected();
    relay.half_close(Way::ToPlayer);
    assert_eq!(end(&player).unwrap(), b"");
    conductor.write_all(b"lost").unwrap();
    player.write_all(b"heard").unwrap();
    drop(player);
    assert_eq!(read(&conductor, 5), b"heard");
}

#[test]
fn a_reset_is_one_at_both_ends() {
    let (relay, _listener, conductor, player) = connected();
    relay.reset();
    assert_eq!(end(&conductor), Err(ErrorKind::ConnectionReset));
    assert_eq!(end(&player), Err(ErrorKind::ConnectionReset));
    assert_eq!(relay.open(), 0);
}

#[test]
fn connections_are_refused_and_taken_again() {
    let (relay, listener, ..) = connected();
    relay.refuse(true);
    let refused = TcpStream::connect(("127.0.0.1", relay.port)).map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(ErrorKind::ConnectionRefused));
    relay.refuse(false);
    connect(&relay, &listener);
}

#[test]
fn what_was_sent_is_sent_again_and_twice_at_once() {
    let (relay, listener, mut conductor, player) = connected();
    conductor.write_all(b"hello").unwrap();
    assert_eq!(read(&player, 5), b"hello");
    drop((conductor, player));
    let again = relay.replay(0);
    let heard = listener.accept().unwrap().0;
    assert_eq!(read(&heard, 5), b"hello");
    (&heard).write_all(b"answer").unwrap();
    assert_eq!(read(&again, 6), b"answer");
    relay.duplicate(true);
    let (mut conductor, first) = connect(&relay, &listener);
    let second = listener.accept().unwrap().0;
    conductor.write_all(b"twice").unwrap();
    assert_eq!((read(&first, 5), read(&second, 5)), (b"twice".to_vec(), b"twice".to_vec()));
}
