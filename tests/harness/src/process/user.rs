//! Another user to run a child as, for programs that refuse to run as root.
use std::fs;

use rustix::process::geteuid;

/// A user of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub uid: u32,
    /// The id of the user's group.
    pub gid: u32,
}

impl User {
    /// The first of `names` that exists, if we are root; nobody else may choose.
    pub fn unprivileged(names: &[&str]) -> Option<Self> {
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        names.iter().filter(|_| geteuid().is_root()).find_map(|name| Self::of(&users, name))
    }

    fn of(users: &str, name: &str) -> Option<Self> {
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let user = users.lines().map(fields).find(|user| user[0] == name)?;
        Some(Self { uid: user.get(2)?.parse().ok()?, gid: user.get(3)?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104:admin:/var:/bin/bash\n";
        assert_eq!(User::of(users, "postgres"), Some(User { uid: 101, gid: 104 }));
        assert_eq!(User::of(users, "post"), None);
    }
}
