//! The table of everything that is waited for, in the documentation.

use conductor::wait::Wait;
use snapbox::{Data, data::DataFormat};

/// `SNAPSHOTS=overwrite` writes the page anew.
#[test]
fn the_documentation_lists_every_wait_with_its_limit() {
    let page = format!(
        "# Waits and their limits\n\n\
         Every wait of `conduct`, `player` and their helper processes has a limit. With `-v`, a wait of more than a second is\n\
         logged, with the names of the workers that are waited for.\n\n\
         This page is generated from `src/wait.rs`; a test compares them.\n\n{}",
        Wait::table()
    );
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/waits.md");
    snapbox::assert_data_eq!(page, Data::read_from(std::path::Path::new(path), Some(DataFormat::Text)).raw());
}
