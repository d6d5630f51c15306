//! Arguments of every command that writes reports: where, in which format, and what they show.

use std::{
    io::{self, IsTerminal as _, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use labrpc::report::{Pseudonyms, Report, View, csv, html, json, jsonl, table};

use crate::cli::{exit::Failure, feed::Feed, headers, output::Output};

/// What the reports for people show.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct ViewArgs {
    /// Write this above the headline of a page: the class, the course, the fleet.
    #[arg(long, value_name = "TEXT", env = "LABRPC_TITLE")]
    pub(crate) title: Option<String>,
    /// Show pseudonyms instead of ids, and no heights, weights or sizes.
    ///
    /// The addresses are shown, and may identify the people.
    #[arg(long, env = "LABRPC_ANONYMOUS")]
    pub(crate) anonymous: bool,
}

impl ViewArgs {
    /// The pseudonyms, if they are asked for.
    ///
    /// # Errors
    /// When a report for programs is asked for as well: it has all ids and values.
    pub(crate) fn pseudonyms(&self, plan: &Plan) -> Result<Option<Pseudonyms>, Failure> {
        if !self.anonymous {
            return Ok(None);
        }
        let for_people = [ReportFormat::Table, ReportFormat::Html];
        if plan
            .0
            .iter()
            .any(|(_, format)| !for_people.contains(format))
        {
            return Err(Failure::usage("--anonymous is for tables and pages")
                .hint("a saved run has all ids and values: write the page from it with `labrpc rank RUN --anonymous`"));
        }
        let pseudonyms = Pseudonyms::new().map_err(|error| Failure::internal(&error))?;
        Ok(Some(pseudonyms))
    }

    /// The view of a report.
    pub(crate) fn view<'a>(&'a self, pseudonyms: Option<&'a Pseudonyms>) -> View<'a> {
        View {
            pseudonyms,
            title: self.title.as_deref(),
            live: false,
        }
    }
}

/// The formats of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Text for the terminal.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// The saved run: JSON Lines.
    Jsonl,
    /// One table, as in RFC 4180.
    Csv,
    /// A self-contained web page.
    Html,
}

impl ReportFormat {
    /// The format that the extension of a file name stands for.
    fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "txt" | "TXT" => Some(Self::Table),
            extension => Self::from_str(extension, true).ok(),
        }
    }
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct OutputArgs {
    /// Write the report in this format [default: by the ending of --output, otherwise table].
    #[arg(long, value_enum, env = "LABRPC_FORMAT")]
    format: Option<ReportFormat>,
    /// Write the report to this file instead of standard output, in the format of its ending (.txt .json .jsonl .csv
    /// .html); - is standard output. Repeatable.
    ///
    /// It is written as FILE.partial and renamed when the run came to its end, so that FILE is always whole. JSON Lines are
    /// written while the endpoints are decided, and --only-failed FILE.partial goes on from a run that was interrupted.
    #[arg(short, long, value_name = "FILE", env = "LABRPC_OUTPUT")]
    output: Vec<PathBuf>,
}

impl OutputArgs {
    /// The reports that are asked for: where each goes, and in which format.
    ///
    /// # Errors
    /// When `--format` and the ending of a name contradict each other.
    pub(crate) fn plan(&self) -> Result<Plan, Failure> {
        if self.output.is_empty() {
            let format = self.format.unwrap_or_default();
            return Ok(Plan(vec![(PathBuf::from("-"), format)]));
        }
        let with_format = |name: &PathBuf| match (ReportFormat::of(name), self.format) {
            (Some(ending), Some(format)) if ending != format => Err(Failure::usage(format_args!(
                "--format {} contradicts the name {}",
                format!("{format:?}").to_lowercase(),
                name.display()
            ))
            .hint("leave out --format (or LABRPC_FORMAT), or give another name")),
            (ending, format) => Ok((name.clone(), ending.or(format).unwrap_or_default())),
        };
        let reports: Result<_, _> = self.output.iter().map(with_format).collect();
        reports.map(Plan)
    }
}

fn is_stdout(name: &Path) -> bool {
    name.as_os_str() == "-"
}

/// The reports that are asked for.
pub(crate) struct Plan(Vec<(PathBuf, ReportFormat)>);

impl Plan {
    /// Whether one of the reports has this format.
    pub(crate) fn has(&self, format: ReportFormat) -> bool {
        self.0.iter().any(|(_, form)| *form == format)
    }

    /// The format of the report on standard output, if one goes there.
    pub(crate) fn stdout(&self) -> Option<ReportFormat> {
        let stdout = self.0.iter().find(|(name, _)| is_stdout(name));
        stdout.map(|(_, format)| *format)
    }

    /// The reports that go elsewhere.
    pub(crate) fn files(&self) -> Self {
        let files = self.0.iter().filter(|(name, _)| !is_stdout(name));
        Self(files.cloned().collect())
    }

    /// Opens the outputs, except those whose opening waits for a reader.
    ///
    /// # Errors
    /// When a file cannot be written, or is named twice.
    pub(crate) fn open(&self) -> Result<Outputs, Failure> {
        let mut outputs: Vec<(Output, ReportFormat)> = Vec::new();
        for (name, format) in &self.0 {
            let output = Output::open(name)?;
            if outputs.iter().any(|(other, _)| other.is_taken_by(&output)) {
                return Err(Failure::usage(format_args!(
                    "--output names {} twice",
                    name.display()
                )));
            }
            outputs.push((output, *format));
        }
        // Files first: writing to a pipe may block.
        outputs.sort_by_key(|(output, _)| output.file().is_none());
        Ok(Outputs(outputs))
    }
}

/// For each output that a feed has written whether all could be written.
pub(crate) type Fed = Vec<Option<io::Result<()>>>;

/// The open outputs of the reports.
pub(crate) struct Outputs(Vec<(Output, ReportFormat)>);

/// What a reader of standard output sees of a report.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shown {
    /// A form for programs, or nothing.
    Nothing,
    /// The table, in a pipe or a file.
    Table,
    /// All of it, in a terminal.
    Terminal,
}

/// The result of writing the reports.
pub(crate) struct Written {
    /// Whether every reader still reads.
    pub(crate) is_read: bool,
    /// What the reader of standard output sees.
    pub(crate) shown: Shown,
    /// The files that were written, as the command line names them.
    pub(crate) files: Vec<PathBuf>,
    /// Whether the run came to its end; the files are named `FILE.partial` otherwise.
    is_whole: bool,
    /// The first error.
    pub(crate) failure: Option<Failure>,
}

impl Written {
    /// Lists the files on standard error, and returns the failure.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        for file in &self.files {
            match self.is_whole {
                true => errln!("wrote {}", file.display()),
                false => errln!(
                    "interrupted: the answers so far are in {}.partial",
                    file.display()
                ),
            }
        }
        self.failure.map_or(Ok(()), Err)
    }
}

impl Outputs {
    /// For each output the way to it, if it is one of JSON Lines that come one by one.
    pub(crate) fn feeds(&self) -> Vec<Option<Feed>> {
        let feed = |(output, format): &(Output, ReportFormat)| match format {
            // Without a thread the lines are written in the end.
            ReportFormat::Jsonl => output.feed().and_then(Result::ok),
            _ => None,
        };
        self.0.iter().map(feed).collect()
    }

    /// Writes the report to all outputs.
    pub(crate) fn write(self, report: &Report, view: &View<'_>) -> Written {
        self.write_rest(report, view, Fed::new(), true)
    }

    /// Writes the report to the outputs that no feed has written. A file is renamed if the run `is_whole`.
    pub(crate) fn write_rest(
        self,
        report: &Report,
        view: &View<'_>,
        fed: Fed,
        is_whole: bool,
    ) -> Written {
        let render = |format, width, out: &mut dyn Write| match format {
            ReportFormat::Table => table::write(report, view, width, out),
            ReportFormat::Json => json::write(report, out),
            ReportFormat::Jsonl => jsonl::write(report, out),
            ReportFormat::Csv => csv::write(report, out),
            ReportFormat::Html => html::write(report, view, out),
        };
        self.write_all(&render, fed, is_whole)
    }

    /// Writes to all outputs with `render`. What cannot be written goes to standard output, so that no answer is lost.
    pub(crate) fn write_with(self, render: &RenderFormat<'_>) -> Written {
        self.write_all(render, Fed::new(), true)
    }

    fn write_all(self, render: &RenderFormat<'_>, fed: Fed, is_whole: bool) -> Written {
        let is_stdout = |(output, _): &(Output, _)| matches!(output, Output::Stdout);
        let on_stdout = self.0.iter().find(|output| is_stdout(output));
        let mut to_stdout = on_stdout.is_some();
        let mut written = Written {
            is_read: true,
            shown: match on_stdout {
                Some(_) if io::stdout().is_terminal() => Shown::Terminal,
                Some((_, ReportFormat::Table)) => Shown::Table,
                _ => Shown::Nothing,
            },
            files: Vec::new(),
            is_whole,
            failure: None,
        };
        let to = |output: Output, format| {
            let width = output.width();
            output.write(Box::new(move |out| render(format, width, out)), is_whole)
        };
        let mut fed = fed.into_iter();
        for (output, format) in self.0 {
            let file = output.file().map(Path::to_owned);
            let ended = match fed.next().flatten() {
                Some(written) => output.end(written, is_whole),
                None => to(output, format),
            };
            match ended {
                Ok(is_read) => {
                    written.is_read &= is_read;
                    written.files.extend(file);
                }
                Err(failure) => {
                    written.failure.get_or_insert(failure);
                    if !to_stdout {
                        to_stdout = true;
                        // The failure that is reported is the first one.
                        let _ = to(Output::Stdout, format);
                    }
                }
            }
        }
        written
    }
}

/// Writes a report in one format, for lines of so many columns.
type RenderFormat<'a> = dyn Fn(ReportFormat, Option<usize>, &mut dyn Write) -> io::Result<()> + 'a;

/// The command line without the program's name and without the values of headers, as it is kept in a report.
pub(crate) fn arguments() -> Vec<String> {
    let arguments = std::env::args_os().skip(1);
    without_secrets(arguments.map(|argument| argument.to_string_lossy().into_owned()))
}

fn without_secrets(arguments: impl Iterator<Item = String>) -> Vec<String> {
    let (mut is_value, mut flags_ended) = (false, false);
    let mut redact = |argument: String| {
        if std::mem::take(&mut is_value) {
            return headers::redacted(&argument);
        }
        flags_ended |= argument == "--";
        if flags_ended {
            return argument;
        }
        is_value = ["-H", "--header"].contains(&&*argument);
        for start in ["--header=", "-H=", "-H"] {
            if let Some(value) = argument.strip_prefix(start).filter(|_| !is_value) {
                return format!("{start}{}", headers::redacted(value));
            }
        }
        argument
    };
    arguments.map(&mut redact).collect()
}
