//! A copy of the repository to change: what git knows, and what it would know.
use std::fs;
use std::path::Path;
use std::process::Command;

use harness::artifacts::root;
use harness::folder::Folder;

pub(crate) fn of_the_repository(name: &str) -> Folder {
    let folder = Folder::empty(name).unwrap();
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(list).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for name in String::from_utf8(output.stdout).unwrap().split_terminator('\0') {
        let (from, to) = (root().join(name), folder.join(name));
        // what somebody has deleted is listed, too
        if from.exists() {
            fs::create_dir_all(to.parent().unwrap_or(Path::new("/"))).unwrap();
            fs::copy(from, to).unwrap();
        }
    }
    folder
}
