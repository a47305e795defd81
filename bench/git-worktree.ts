// The peer: the same files written into a work tree, added and committed; arguments as for git-slipway.ts, with a work tree's directory.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { strategyFiles } from "./git-input.ts";

const [directory = "", count = "1", perStrategy = "3", salt = "", commits = "1"] = process.argv.slice(2);
const git = ["-C", directory, "-c", "user.name=bench", "-c", "user.email=bench@example.test", "-c", "gc.auto=0"];

for (let done = 0; done < Number(commits); done++) {
  for (const [path, content] of strategyFiles(Number(count), Number(perStrategy), `${salt}.${done}`)) {
    writeFileSync(join(directory, path), content);
  }
  execFileSync("git", [...git, "add", "-A"]);
  execFileSync("git", [...git, "commit", "-q", "-m", salt]);
}
