//! Slurm: a controller, two nodes and munge on loopback, with files, sockets and ports of their own.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command},
};

use crate::{
    engines::{Room, commands, free_ports, until},
    support,
};

/// The daemons, ended in the order of the list.
struct Cluster(Vec<Child>);

impl Drop for Cluster {
    fn drop(&mut self) {
        for daemon in &mut self.0 {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

impl Cluster {
    /// Starts it below the room's folder; the room's shell commands it.
    fn start(room: &mut Room) -> Self {
        let folder = room.path("slurm");
        for name in ["state", "n1", "n2"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        // munge demands that all users can reach its socket, and that only one can write beside its key.
        for folder in [room.folder.path(), &folder] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let key = support::file(&folder, "munge.key", [7_u8; 128]);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let text = |command: &str| support::output(Command::new("sh").args(["-c", command])).stdout;
        let user = text("id -un");
        let [controller, first, second] = free_ports();
        let path = folder.display();
        let configuration = format!(
            "ClusterName=test\n\
             SlurmctldHost={host}(127.0.0.1)\n\
             SlurmctldPort={controller}\n\
             SlurmUser={user}\n\
             SlurmdUser={user}\n\
             AuthInfo=socket={path}/munge.socket\n\
             StateSaveLocation={path}/state\n\
             SlurmdSpoolDir={path}/%n\n\
             SlurmctldPidFile={path}/slurmctld.pid\n\
             SlurmdPidFile={path}/%n.pid\n\
             # No control groups: the nodes are processes of one machine.\n\
             ProctrackType=proctrack/pgid\n\
             TaskPlugin=task/none\n\
             SelectType=select/cons_tres\n\
             SelectTypeParameters=CR_CPU\n\
             # As many tasks as the nodes claim to have processors for.\n\
             SlurmdParameters=config_overrides\n\
             SchedulerParameters=sched_interval=1\n\
             MailProg=/bin/true\n\
             NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=4\n\
             NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=4\n\
             PartitionName=all Nodes=n1,n2 Default=YES\n",
            host = text("hostname -s").trim(),
            user = user.trim(),
        );
        let file = support::file(&folder, "slurm.conf", configuration);
        // No control groups: the nodes are processes of one machine. Without this file slurmd looks for their mounts.
        let groups = "CgroupPlugin=cgroup/v1\nCgroupMountpoint=/nonexistent\n";
        support::file(&folder, "cgroup.conf", groups);
        room.variables
            .push(("SLURM_CONF", file.display().to_string()));
        let start = |command: String| {
            let mut shell = room.shell(&format!("exec {command}"));
            let log = fs::File::create(folder.join("log")).unwrap();
            shell.stdout(log.try_clone().unwrap()).stderr(log);
            shell.spawn().unwrap()
        };
        let munge = ["socket", "pid-file", "log-file", "seed-file"]
            .map(|name| format!("--{name}={path}/munge.{}", name.trim_end_matches("-file")));
        let mut cluster = Self(vec![start(format!(
            "munged --foreground --key-file={path}/munge.key {}",
            munge.join(" ")
        ))]);
        until("munge", || {
            folder.join("munge.socket").exists().then_some(())
        });
        cluster.0.push(start("slurmctld -D".into()));
        cluster.0.push(start("slurmd -D -N n1".into()));
        cluster.0.push(start("slurmd -D -N n2".into()));
        until("two idle nodes", || {
            let states = room.run("sinfo --noheader --Node --format=%T");
            (states.stdout == "idle\nidle\n").then_some(())
        });
        cluster
    }
}

#[test]
fn slurm_array_with_a_requeued_task_merges_into_the_single_run() {
    for program in ["munged", "slurmctld", "slurmd"] {
        if support::tool(program).is_none() {
            return;
        }
    }
    // Slurm resolves the machine's own name, which fails where all addresses are loopback. No tool mends that.
    if support::output(Command::new("hostname").arg("-I"))
        .stdout
        .trim()
        .is_empty()
    {
        return support::say_skipped("Slurm needs an address that is not loopback");
    }
    let mut room = Room::open();
    let _cluster = Cluster::start(&mut room);

    // Slow enough to be interrupted.
    room.variables.push(("LABRPC_RATE", "100".into()));
    let submitted = room.succeed(&commands("slurm"));
    let merge = submitted.rsplit(' ').next().unwrap().trim();
    let array = room.succeed("squeue --noheader --name=slurm.sh --format=%F | sort -u");
    let array = array.trim();
    let partial = room.path("runs/run-3.jsonl.partial");
    until("lines of shard 3", || {
        let lines = fs::read(&partial).ok()?;
        (lines.iter().filter(|byte| **byte == b'\n').count() > 20).then_some(())
    });
    room.succeed(&format!("scontrol requeue {array}_3"));
    let state = |job: &str| room.succeed(&format!("scontrol show job {job} --oneliner"));
    let task = format!("{array}_3");
    until("the interruption", || {
        let state = state(&task);
        (state.contains("JobState=PENDING") && state.contains("Restarts=1")).then_some(())
    });
    assert!(!room.path("runs/run-3.jsonl").exists());

    // Slurm lets a requeued task wait for two minutes. The node rejects it within the second in which it was stopped.
    room.succeed(&format!("scontrol update JobId={task} StartTime=now+2"));

    let merged = until("the merge", || {
        let state = state(merge);
        let open = ["PENDING", "RUNNING", "COMPLETING"];
        let is_open = open
            .iter()
            .any(|name| state.contains(&format!("JobState={name}")));
        (!is_open).then_some(state)
    });
    assert!(merged.contains("JobState=COMPLETED"), "{merged}");
    assert!(room.path("report.html").exists());
    let tasks = state(array);
    assert_eq!(tasks.matches("JobState=COMPLETED").count(), 8, "{tasks}");
    assert_eq!(tasks.matches("Restarts=1").count(), 1, "{tasks}");
    room.expect_equal("runs/*.jsonl");
}
