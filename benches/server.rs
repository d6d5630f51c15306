//! What the server costs, side by side with other servers in one run: `cargo bench --bench server`.
//!
//! Baselines: hyper alone sending the same bytes (the floor), tonic and grpc-go with nothing set. They take turns
//! round by round, so that other load on the machine affects all of them; reported are medians of the rounds
//! and of each round's ratios. The server has one core to itself and the load another, by taskset: two
//! server threads and a client on the same two cores would measure the scheduler. With
//! `--unpinned` all have all cores. h2load brings the calls and is needed; grpc-go needs Go, and ghz, a gRPC
//! client for load, is a second opinion where it is installed
//! (`go install github.com/bojand/ghz/cmd/ghz@v0.121.0`). Every answer is counted, and under h2load its bytes
//! are, so that no server gains by sending less.
//!
//! With `--record` the report is also written to `benches/runs/`. With `LABRPC_BASELINES_BEFORE=PROGRAM` the
//! program `ours` that another commit built takes part as `before`.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const ROUNDS: usize = 7;
const CALLS: u64 = 200_000;
const GHZ_CALLS: u64 = 50_000;
const CONNECTIONS: u64 = 10_000;
/// Connections between which the memory of one is measured.
const IDLE: [usize; 2] = [5_000, 15_000];

/// The answer as a gRPC message: five bytes of prefix and the profile.
const ANSWER_LEN: u64 = 37;

type BenchResult<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> BenchResult<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let candidates = build(root)?;
    let mut report = Report::new(root);

    let loads = [
        ("8 connections, 32 calls open on each", vec!["-c8", "-m32"]),
        (
            "100 connections, 10 calls open on each",
            vec!["-c100", "-m10"],
        ),
        ("64 connections, one call open on each", vec!["-c64", "-m1"]),
    ];
    for (title, shape) in loads {
        report.section(&format!("Calls per CPU second, {title}"));
        let rounds = take_turns(&candidates, |candidate| calls(candidate, &shape))?;
        report.table(&candidates, &rounds, "calls per CPU second");
    }
    let title = "Calls per CPU second by ghz, 8 connections, 64 calls open on all";
    match ghz(root, &candidates) {
        Ok(rounds) => {
            report.section(title);
            report.table(&candidates, &rounds, "calls per CPU second");
        }
        Err(error) => eprintln!("without ghz: {error}"),
    }
    report.section("New connections with one call each, per CPU second");
    let rounds = take_turns(&candidates, connections)?;
    report.table(&candidates, &rounds, "connections per CPU second");

    report.section("Resident memory");
    for candidate in &candidates {
        let (idle, slope) = memory(candidate)?;
        report.line(&format!(
            "{:<12} {:>8.1} MiB with no connection, {:>6.2} KiB for each idle one ({} to {})",
            candidate.name,
            idle / 1024.0,
            slope,
            IDLE[0],
            IDLE[1],
        ));
    }
    report.section("From exec to the first answer, median of 20");
    for candidate in &candidates {
        let mut times: Vec<f64> = (0..20)
            .map(|_| first_answer(candidate))
            .collect::<BenchResult<_>>()?;
        report.line(&format!(
            "{:<12} {:>8.1} ms",
            candidate.name,
            median(&mut times)
        ));
    }
    report.finish(root)
}

/// One server under test.
struct Candidate {
    name: &'static str,
    program: PathBuf,
}

/// Builds the servers. The first is ours; ratios are those of ours to each other.
fn build(root: &Path) -> BenchResult<Vec<Candidate>> {
    let rust = root.join("benches/baselines/rust");
    run(Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(rust.join("Cargo.toml")))?;
    let release = rust.join("target/release");
    let mut candidates = Vec::from(["ours", "bare-hyper", "bare-tonic"].map(|name| Candidate {
        name,
        program: release.join(name),
    }));
    if let Some(program) = env::var_os("LABRPC_BASELINES_BEFORE") {
        candidates.push(Candidate {
            name: "before",
            program: program.into(),
        });
    }
    let go = root.join("benches/baselines/grpc-go");
    let program = release.join("grpc-go");
    match run(Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(go))
    {
        Ok(_) => candidates.push(Candidate {
            name: "grpc-go",
            program,
        }),
        Err(error) => eprintln!("without grpc-go: {error}"),
    }
    Ok(candidates)
}

/// A program on one core, unless all are to have all.
fn on_core(core: &str, program: impl AsRef<OsStr>) -> Command {
    if env::args().any(|argument| argument == "--unpinned") {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", core]).arg(program);
    command
}

/// A running server, killed when dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(candidate: &Candidate) -> BenchResult<Self> {
        // The kernel hands out other ports first, so no other process takes this one in the moment between.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let process = on_core("0", &candidate.program)
            .arg(address.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", candidate.program.display()))?;
        let server = Self { process, address };
        let patience = Instant::now() + Duration::from_secs(10);
        while let Err(error) = TcpStream::connect(address) {
            if Instant::now() > patience {
                return Err(format!("{} does not listen: {error}", candidate.name).into());
            }
            thread::sleep(Duration::from_micros(200));
        }
        Ok(server)
    }

    /// CPU time taken so far, user and system, in seconds.
    fn cpu(&self) -> BenchResult<f64> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let stat = fs::read_to_string(task?.path().join("schedstat"))?;
            let running = stat.split(' ').next().ok_or("an empty schedstat")?;
            nanoseconds += running.parse::<u64>()?;
        }
        Ok(nanoseconds as f64 / 1e9)
    }

    /// Resident memory in KiB.
    fn resident(&self) -> BenchResult<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Measures every candidate once a round, beginning with another one each round.
fn take_turns(
    candidates: &[Candidate],
    mut measure: impl FnMut(&Candidate) -> BenchResult<f64>,
) -> BenchResult<Vec<Vec<f64>>> {
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let mut figures = vec![0.0; candidates.len()];
        for turn in 0..candidates.len() {
            let index = (round + turn) % candidates.len();
            figures[index] = measure(&candidates[index])?;
        }
        rounds.push(figures);
    }
    Ok(rounds)
}

/// Calls per CPU second of the server under h2load.
fn calls(candidate: &Candidate, shape: &[&str]) -> BenchResult<f64> {
    let server = Server::start(candidate)?;
    let message = env::temp_dir().join(format!("labrpc-bench-{}", std::process::id()));
    fs::write(&message, [0; 5])?;
    let load = |calls: u64| -> BenchResult<String> {
        run(on_core("1", "h2load")
            .args(shape)
            .arg(format!("-n{calls}"))
            .arg("-d")
            .arg(&message)
            .args(["-H", "content-type: application/grpc", "-H", "te: trailers"])
            .arg(format!("http://{}/lab.Profile/GetProfile", server.address)))
    };
    load(CALLS / 20)?;
    let before = server.cpu()?;
    let printed = load(CALLS)?;
    let cpu = server.cpu()? - before;
    fs::remove_file(message)?;
    // "requests: 200000 total, …, 200000 succeeded, 0 failed" and "traffic: …, 7.06MB (7400000) data"
    for wanted in [
        format!(" {CALLS} succeeded, 0 failed"),
        format!("({}) data", CALLS * ANSWER_LEN),
        format!("status codes: {CALLS} 2xx"),
    ] {
        if !printed.contains(&wanted) {
            return Err(format!("{}: no \"{wanted}\" in {printed}", candidate.name).into());
        }
    }
    Ok(CALLS as f64 / cpu)
}

/// Calls per CPU second of the servers under ghz.
fn ghz(root: &Path, candidates: &[Candidate]) -> BenchResult<Vec<Vec<f64>>> {
    run(Command::new("ghz").arg("--version"))?;
    take_turns(candidates, |candidate| {
        let server = Server::start(candidate)?;
        call(server.address)?;
        let before = server.cpu()?;
        let printed = run(on_core("1", "ghz")
            .args([
                "--insecure",
                "--call",
                "lab.Profile/GetProfile",
                "--data",
                "{}",
            ])
            .args(["--concurrency", "64", "--connections", "8"])
            .arg(format!("--total={GHZ_CALLS}"))
            .arg("--proto")
            .arg(root.join("proto/profile.proto"))
            .arg(server.address.to_string()))?;
        let cpu = server.cpu()? - before;
        let wanted = format!("[OK]   {GHZ_CALLS} responses");
        if !printed.contains(&wanted) {
            return Err(format!("{}: no \"{wanted}\" in {printed}", candidate.name).into());
        }
        Ok(GHZ_CALLS as f64 / cpu)
    })
}

/// Connections per CPU second of the server, each with one call.
fn connections(candidate: &Candidate) -> BenchResult<f64> {
    const CALLERS: u64 = 4;
    let server = Server::start(candidate)?;
    let round = |count: u64| -> BenchResult<()> {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let address = server.address;
                thread::spawn(move || {
                    for _ in 0..count / CALLERS {
                        call(address).map_err(|error| error.to_string())?;
                    }
                    Ok::<(), String>(())
                })
            })
            .collect();
        for caller in callers {
            caller.join().map_err(|_| "a caller panicked")??;
        }
        Ok(())
    };
    round(CONNECTIONS / 10)?;
    let before = server.cpu()?;
    round(CONNECTIONS)?;
    Ok(CONNECTIONS as f64 / (server.cpu()? - before))
}

/// Makes a connection and one call on it, and reads the answer to its end.
fn call(address: SocketAddr) -> BenchResult<TcpStream> {
    // Preface, empty SETTINGS, HEADERS without Huffman coding or table, one empty message.
    let mut block = vec![0x83, 0x86];
    for (index, name, value) in [
        (4, "", "/lab.Profile/GetProfile"),
        (1, "", "127.0.0.1"),
        (0, "content-type", "application/grpc"),
        (0, "te", "trailers"),
    ] {
        block.push(index);
        for text in [name, value].iter().filter(|text| !text.is_empty()) {
            block.push(text.len() as u8);
            block.extend(text.as_bytes());
        }
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    bytes.extend([0, 0, block.len() as u8, 1, 4, 0, 0, 0, 1]);
    bytes.extend(block);
    bytes.extend([0, 0, 5, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.write_all(&bytes)?;

    let mut data = 0;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload)?;
        match (head[3], head[8]) {
            (0, 1) => data += u64::from(length),
            (4, 0) if head[4] == 0 => stream.write_all(b"\0\0\0\x04\x01\0\0\0\0")?,
            (1, 1) if head[4] & 1 != 0 => break,
            _ => {}
        }
    }
    if data != ANSWER_LEN {
        return Err(format!("an answer of {data} bytes").into());
    }
    Ok(stream)
}

/// Resident memory without a connection, and that of each idle one, in KiB.
fn memory(candidate: &Candidate) -> BenchResult<(f64, f64)> {
    let server = Server::start(candidate)?;
    call(server.address)?;
    let none = server.resident()?;
    let mut open = Vec::new();
    let mut at = Vec::new();
    for count in IDLE {
        while open.len() < count {
            open.push(call(server.address)?);
        }
        at.push(server.resident()?);
    }
    Ok((none, (at[1] - at[0]) / (IDLE[1] - IDLE[0]) as f64))
}

/// Milliseconds from starting the program to having its first answer.
fn first_answer(candidate: &Candidate) -> BenchResult<f64> {
    let start = Instant::now();
    let server = Server::start(candidate)?;
    call(server.address)?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn run(command: &mut Command) -> BenchResult<String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// What is printed, and kept with the circumstances that it needs to be understood.
struct Report(String);

impl Report {
    fn new(root: &Path) -> Self {
        let ask = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            let printed = run(command.args(arguments).current_dir(root)).unwrap_or_default();
            printed.lines().next().unwrap_or("unknown").to_owned()
        };
        let cpus = thread::available_parallelism().map_or(0, usize::from);
        let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = model
            .lines()
            .find_map(|line| line.strip_prefix("model name\t: "))
            .unwrap_or("unknown CPU");
        let mut report = Self(String::new());
        for line in [
            env::args()
                .skip(1)
                .filter(|word| word != "--bench")
                .fold("cargo bench --bench server --".to_owned(), |line, word| {
                    line + " " + &word
                }),
            format!("commit  {}", ask("git", &["rev-parse", "--short", "HEAD"])),
            format!("machine {cpus} × {model}, Linux {}", ask("uname", &["-r"])),
            format!("rustc   {}", ask("rustc", &["--version"])),
            format!("go      {}", ask("go", &["version"])),
            format!("h2load  {}", ask("h2load", &["--version"])),
        ] {
            report.line(&line);
        }
        report
    }

    fn section(&mut self, title: &str) {
        self.line("");
        self.line(title);
    }

    fn line(&mut self, line: &str) {
        println!("{line}");
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn table(&mut self, candidates: &[Candidate], rounds: &[Vec<f64>], unit: &str) {
        for (index, candidate) in candidates.iter().enumerate() {
            let mut figures: Vec<f64> = rounds.iter().map(|round| round[index]).collect();
            let mut ratios: Vec<f64> = rounds.iter().map(|r| r[0] / r[index]).collect();
            let figure = median(&mut figures);
            self.line(&format!(
                "{:<12} {figure:>9.0} {unit}; ours over it {:.2} ({:.2} to {:.2})",
                candidate.name,
                median(&mut ratios),
                ratios[0],
                ratios[ratios.len() - 1],
            ));
        }
    }

    fn finish(self, root: &Path) -> BenchResult<()> {
        if env::args().any(|argument| argument == "--record") {
            let folder = root.join("benches/runs");
            fs::create_dir_all(&folder)?;
            fs::write(folder.join("server.txt"), self.0)?;
        }
        Ok(())
    }
}
