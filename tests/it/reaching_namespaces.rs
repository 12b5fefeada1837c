//! Network namespaces of this machine, reached with `ip netns exec`.

use crate::support::look::Look;
use crate::support::machines::Namespace;
use crate::support::machines::held_run::HeldRun;
use crate::support::{Folder, conductor};

#[test]
fn a_session_in_a_namespace_does_not_depend_on_its_command() {
    let Some(namespace) = Namespace::make("session") else { return };
    let folder = Folder::new();
    let here = folder.join("held");
    let held = || {
        let lines = format!("connect = netns:{}\n", namespace.0);
        let conduct = |folder: &Folder, arguments: &[&str]| conductor(folder, ["conduct"].iter().chain(arguments));
        HeldRun::start(&lines, &here.display().to_string(), here.clone(), conduct)
    };
    let before = Look::here();
    let run = held();
    // The command became the process that passed the connection on: nobody needs it any more.
    run.kill_transport();
    run.passes();
    drop(held().kill_conduct());
    before.assert_nothing_is_left();
}
