//! GNU parallel, on this machine and over ssh.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
};

use crate::{
    engines::{Room, commands, free_ports, until},
    support,
};

fn room() -> Option<Room> {
    support::tool("parallel")?;
    let mut room = Room::open();
    let home = room.path("parallel").display().to_string();
    room.variables.push(("PARALLEL_HOME", home));
    Some(room)
}

#[test]
fn shards_by_gnu_parallel_merge_into_the_single_run() {
    let Some(room) = room() else { return };
    room.succeed(&commands("parallel"));
    room.expect_equal("runs/*.jsonl");
    let merged = room.report("merge all.jsonl");
    assert_eq!(merged.in_any_order(), room.single.clone().in_any_order());
    room.expect_same_ranking("all.jsonl");
}

/// An ssh server on loopback addresses, with keys of its own, that lets this user in.
struct Sshd(Child);

impl Sshd {
    fn start(program: &Path, room: &mut Room) -> Self {
        let folder = room.path("ssh");
        fs::create_dir(&folder).unwrap();
        let folder = folder.display();
        support::shell(&format!(
            "for key in host user; do ssh-keygen -q -t ed25519 -N '' -f {folder}/$key; done"
        ));
        let [port] = free_ports();
        let server = format!(
            "Port {port}\nListenAddress 127.0.0.2\nListenAddress 127.0.0.3\nHostKey {folder}/host\n\
             AuthorizedKeysFile {folder}/user.pub\nPidFile none\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nSetEnv PATH={}\n",
            room.succeed("printf %s \"$PATH\"")
        );
        let client = format!(
            "Host node1\nHostName 127.0.0.2\nHost node2\nHostName 127.0.0.3\nHost *\nPort {port}\n\
             IdentityFile {folder}/user\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n"
        );
        let server = support::file(&room.path("ssh"), "sshd_config", server);
        support::file(&room.path("ssh"), "config", client);
        // sshd separates privileges in this folder, which a running service otherwise makes.
        let _ = fs::create_dir("/run/sshd");
        let child = Command::new(program).arg("-Def").arg(server).spawn();
        let ssh = format!("ssh -F {folder}/config");
        room.variables.push(("PARALLEL_SSH", ssh.clone()));
        let sshd = Self(child.unwrap());
        until("ssh to loopback", || {
            let reached = room.run(&format!("{ssh} node1 true && {ssh} node2 true"));
            (reached.status == 0).then_some(())
        });
        sshd
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn shards_over_ssh_merge_into_the_single_run() {
    // sshd is not on the path of most users, and insists on an absolute one.
    let sshd = Path::new("/usr/sbin/sshd");
    if !sshd.exists() {
        return support::skip("sshd is not installed");
    }
    let Some(mut room) = room() else { return };
    let _sshd = Sshd::start(sshd, &mut room);
    room.succeed(&commands("parallel-ssh"));
    room.expect_equal("runs/*.jsonl");
}
