import { Fault } from "#core/result.ts";
import type { Fields } from "../fields.ts";
import { readList } from "../remote/read.ts";
import type { Client } from "./client.ts";

export interface GiteaOptions {
  readonly client: Client;
  /** `https://git.example.org`, without a slash at the end. */
  readonly webUrl: string;
  readonly owner: string;
  readonly name: string;
  /** Default 50, which is as much as Gitea gives unless it is told otherwise. */
  readonly pageSize?: number;
}

const pagesMax = 400;

/** A list, to its end. */
export async function readPages(
  { client, pageSize = 50 }: GiteaOptions,
  path: string,
  query: Readonly<Record<string, string>>,
): Promise<readonly Fields[]> {
  const found: Fields[] = [];
  for (let page = 1; page <= pagesMax; page += 1) {
    const { data, total } = await client.call("GET", path, { query: { ...query, limit: pageSize, page } });
    const items = readList(path, data);
    found.push(...items);
    // A page may be shorter than asked for: the server has a bound of its own.
    if (items.length === 0 || (total !== undefined && found.length >= total)) return found;
  }
  throw new Fault("forge-list-too-long", `${path} has more than ${pagesMax * pageSize} entries`);
}
