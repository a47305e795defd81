import { execFile } from "node:child_process";

/** Git that hangs; one that is slow on a busy machine knows the name all the same. */
const gitMsMax = 60_000;

export interface Person {
  readonly name: string;
  readonly email: string;
}

/** Who the checkout's Git says works here; without Git or a setting, `you`. Nothing verifies it. */
export async function gitUser(repository: string): Promise<Person> {
  const name = (await gitConfig(repository, "user.name")) ?? "you";
  return {
    name,
    email: (await gitConfig(repository, "user.email")) ?? `${name.replace(/[^A-Za-z0-9._-]+/g, "-")}@localhost`,
  };
}

/** `Name` or `Name <email>`. */
export function parsePerson(text: string): Person | undefined {
  const match = /^\s*(?<name>[^<>\n]{1,100}?)\s*(?:<(?<email>[^<>\s@]+@[^<>\s@]+)>)?\s*$/.exec(text)?.groups;
  const name = match?.["name"];
  if (name === undefined || name === "") return undefined;
  return { name, email: match?.["email"] ?? `${name.replace(/[^A-Za-z0-9._-]+/g, "-")}@localhost` };
}

function gitConfig(repository: string, key: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    // A setting that is not there ends with code 1, a missing Git with ENOENT: both mean "not known", which the caller mends with a default.
    execFile(
      "git",
      ["-C", repository, "config", "--get", key],
      { encoding: "utf8", timeout: gitMsMax },
      (error, stdout) => {
        const value = stdout.trim();
        resolve(error !== null || value === "" ? undefined : value);
      },
    );
  });
}
