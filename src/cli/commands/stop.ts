import type { Command } from "commander";
import type { Act } from "../context.ts";
import { defineRunning } from "../running.ts";

export function define(command: Command, act: Act): void {
  defineRunning(command, act, false);
}
