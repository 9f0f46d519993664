//! How the demo speaks: chapters, what was expected, what came out. Colour is never the only sign, and none is used
//! where nobody looks or `NO_COLOR` asks for none.

use std::{fmt::Display, io::IsTerminal};

#[derive(Debug)]
pub(crate) struct Story {
    colour: bool,
    kept: usize,
    broken: usize,
}

#[derive(Clone, Copy, Debug)]
enum Ink {
    Bold,
    Cyan,
    Dim,
    Green,
    Red,
    Yellow,
}

impl Story {
    pub(crate) fn new() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colour, kept: 0, broken: 0 }
    }

    pub(crate) fn chapter(&self, title: &str) {
        println!("\n{}", self.paint(Ink::Bold, title));
    }

    /// A sentence of the teller.
    pub(crate) fn tell(&self, sentence: &str) {
        println!("  {sentence}");
    }

    /// What the agent runs.
    pub(crate) fn command(&self, line: &str) {
        println!("  {} {line}", self.paint(Ink::Cyan, "fixer $"));
    }

    /// What a person does.
    pub(crate) fn person(&self, name: &str, deed: &str) {
        println!("  {} {deed}", self.paint(Ink::Yellow, name));
    }

    /// What a program or a person said, set apart.
    pub(crate) fn quote(&self, text: &str) {
        for line in text.trim_end().lines() {
            println!("    {}", self.paint(Ink::Dim, line));
        }
    }

    /// One step: what has to be so, and whether it is; where it is not, everything that was `seen` is shown.
    pub(crate) fn expect(&mut self, what: &str, holds: bool, seen: &dyn Display) {
        if holds {
            self.kept += 1;
            println!("  {} {what}", self.paint(Ink::Green, "✔"));
        } else {
            self.broken += 1;
            println!("  {} {what}: it came out otherwise", self.paint(Ink::Red, "✘"));
            self.quote(&seen.to_string());
        }
    }

    /// Says how it went; returns how many steps came out otherwise.
    pub(crate) fn end(&self) -> usize {
        let ink = if self.broken == 0 { Ink::Green } else { Ink::Red };
        let sentence = format!("{} steps as told, {} otherwise", self.kept, self.broken);
        println!("\n{}", self.paint(ink, &sentence));
        self.broken
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Green => "32",
            Ink::Red => "31",
            Ink::Yellow => "33",
            Ink::Cyan => "36",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
