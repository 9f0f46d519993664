// Times as the server words them (`src/when.rs`; `tests/spans.txt` holds both to the same words), for pages that stay open.

const span = (seconds) => {
  const whole = Math.floor;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${whole(seconds / 60)} min`;
  if (seconds < 172800) return `${whole(seconds / 3600)} h ${whole((seconds % 3600) / 60)} min`;
  return `${whole(seconds / 86400)} days`;
};

/** Both in milliseconds. */
export const ago = (at, now) => {
  const seconds = Math.floor((now - at) / 1000);
  return seconds < 60 ? "just now" : `${span(seconds)} ago`;
};

export const left = (until, now) => {
  const seconds = Math.floor(Math.max(until - now, 0) / 1000);
  return seconds > 0 ? `${span(seconds)} left` : "its time is over";
};
