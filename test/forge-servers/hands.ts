// What people do on a Gitea by hand: Git on the command line, and the buttons of its pages by the requests behind them.
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { inject } from "vitest";

import type { GiteaFixture } from "./gitea-fixture.ts";
import type { Account } from "./gitea-server.ts";

export interface Hands {
  /** A clone with ordinary Git, on `main` as it is now. */
  clone(): Promise<string>;
  git(...args: readonly string[]): Promise<string>;
  /** Writes files (`null`: removes them), commits and pushes them to a branch. */
  push(branch: string, files: Readonly<Record<string, string | null>>, message?: string): Promise<string>;
  propose(branch: string, title: string, body?: string): Promise<number>;
  review(number: number, event: "APPROVED" | "REQUEST_CHANGES" | "COMMENT", body?: string): Promise<void>;
  press(number: number, button: "merge" | "squash" | "rebase" | "rebase-merge"): Promise<string>;
}

export function handsOf(fixture: GiteaFixture, person: Account): Hands {
  const { url, tokens } = inject("gitea");
  const { owner, name, folder, api } = fixture;
  const path = `/repos/${owner}/${name}`;
  const checkout = join(folder, `hands-${person}`);
  const header = `Authorization: Basic ${Buffer.from(`${person}:${tokens[person]}`).toString("base64")}`;
  const run = (cwd: string, args: readonly string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const env = {
        ...{ PATH: process.env["PATH"], HOME: folder, LC_ALL: "C", GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0" },
        ...{ GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "http.extraHeader", GIT_CONFIG_VALUE_0: header },
      };
      execFile("git", [...args], { cwd, env, encoding: "utf8", timeout: 300_000 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout.trim());
        else reject(new Error(`git ${args[0]}: ${stderr}`));
      });
    });
  const git = (...args: readonly string[]): Promise<string> => run(checkout, args);
  return {
    git,
    async clone() {
      await run(folder, ["clone", "--quiet", `${url}/${owner}/${name}.git`, checkout]);
      await git("config", "user.name", person);
      await git("config", "user.email", `${person}@example.test`);
      return checkout;
    },
    async push(branch, files, message = "change") {
      await git("fetch", "--quiet", "origin");
      const known = await git("ls-remote", "origin", `refs/heads/${branch}`);
      await git("checkout", "--quiet", "-B", branch, known === "" ? "origin/main" : `origin/${branch}`);
      for (const [file, text] of Object.entries(files)) {
        if (text === null) await git("rm", "--quiet", "--", file);
        else {
          await mkdir(dirname(join(checkout, file)), { recursive: true });
          await writeFile(join(checkout, file), text);
          await git("add", "--", file);
        }
      }
      await git("commit", "--quiet", "-m", message);
      await git("push", "--quiet", "origin", `HEAD:refs/heads/${branch}`);
      return git("rev-parse", "HEAD");
    },
    async propose(branch, title, body = "") {
      const request = { title, body, head: branch, base: "main" };
      return ((await api(person, "POST", `${path}/pulls`, request)) as { readonly number: number }).number;
    },
    async review(number, event, body = "") {
      await api(person, "POST", `${path}/pulls/${number}/reviews`, { event, body });
    },
    async press(number, button) {
      for (let tries = 1; ; tries += 1) {
        try {
          await api(person, "POST", `${path}/pulls/${number}/merge`, { Do: button });
          break;
        } catch (error) {
          if (tries > 40 || !String(error).includes("try again later")) throw error;
          await new Promise((resolve) => setTimeout(resolve, 250));
        }
      }
      const pull = (await api(person, "GET", `${path}/pulls/${number}`)) as { readonly merge_commit_sha: string };
      return pull.merge_commit_sha;
    },
  };
}
