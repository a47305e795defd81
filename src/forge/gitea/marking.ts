import { integer } from "../fields.ts";
import type { ForgeApi } from "../remote/api.ts";
import { readList } from "../remote/read.ts";
import { type GiteaOptions, readPages } from "./pages.ts";

/** Of a label that is made; people may give it another. */
const labelColor = "#6f7c8a";

/** Labels, and whose review is asked for. */
export function marking(options: GiteaOptions): Pick<ForgeApi, "addLabel" | "removeLabel" | "askReview"> {
  const { client } = options;
  const repository = `/repos/${encodeURIComponent(options.owner)}/${encodeURIComponent(options.name)}`;
  return {
    async addLabel(number, name) {
      const path = `${repository}/labels`;
      const known = (await readPages(options, path, {})).some((label) => label["name"] === name);
      // Of two who make it at once one is refused, and it is there.
      if (!known) await client.call("POST", path, { body: { name, color: labelColor }, codes: [409, 422] });
      await client.call("POST", `${repository}/issues/${number}/labels`, { body: { labels: [name] } });
    },
    async removeLabel(number, name) {
      const path = `${repository}/issues/${number}/labels`;
      const found = readList(path, (await client.call("GET", path)).data).find((label) => label["name"] === name);
      if (found === undefined) return;
      await client.call("DELETE", `${path}/${integer(found, "id")}`, { codes: [404, 422] });
    },
    async askReview(number, login) {
      // 404: nobody by that name. 403 and 422: the author's own, or of one who may not read it.
      const body = { reviewers: [login] };
      await client.call("POST", `${repository}/pulls/${number}/requested_reviewers`, { body, codes: [403, 404, 422] });
    },
  };
}
