const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const instant =
  /^(?<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:T(?<hour>[0-9]{2}):(?<minute>[0-9]{2}):(?<second>[0-9]{2})(?:\.(?<fraction>[0-9]{1,6}))?Z)?$/;

/** Midnight UTC in microseconds of `Jan 1 2000`; undefined if there is no such day. */
export function parseMonthFirst(text: string): number | undefined {
  const parts = /^([A-Z][a-z]{2}) ([1-9][0-9]?) ([0-9]{4})$/.exec(text);
  const month = months.indexOf(parts?.[1] ?? "");
  if (parts === null || month < 0) return undefined;
  return midnight(Number(parts[3]), month, Number(parts[2]));
}

/** Microseconds of `2000-01-03` or `2000-01-03T14:30:00.250Z`; undefined if there is no such instant. */
export function parseInstant(text: string): number | undefined {
  const parts = instant.exec(text)?.groups;
  const [year, month, day] = (parts?.["date"] ?? "").split("-").map(Number);
  if (parts === undefined || year === undefined || month === undefined || day === undefined) return undefined;
  const start = midnight(year, month - 1, day);
  const [hour, minute, second] = [parts["hour"], parts["minute"], parts["second"]].map((part) => Number(part ?? "0"));
  if (start === undefined || hour === undefined || minute === undefined || second === undefined) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const micros = Number((parts["fraction"] ?? "").padEnd(6, "0"));
  return start + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros;
}

/** The day of an instant, `2000-01-03`. */
export function formatDay(ts: number): string {
  return new Date(Math.floor(ts / 1000)).toISOString().slice(0, 10);
}

function midnight(year: number, month: number, day: number): number | undefined {
  const date = new Date(Date.UTC(year, month, day));
  const exists = date.getUTCFullYear() === year && date.getUTCMonth() === month && date.getUTCDate() === day;
  return exists ? date.getTime() * 1000 : undefined;
}
