// @ts-check
// SIRA_URL=http://127.0.0.1:8000 SIRA_TOKEN=… node example.js cv.pdf
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { env, argv } from "node:process";
import { Sira } from "./sira.js";

/**
 * What `parsers.parse_cv` makes, as far as this example looks.
 * @typedef {{parsed_data: {profile: {basics: {profession: string | null, skills: string[]}}}}} Parsed
 */

const path = argv[2];
const sira = new Sira({ url: env.SIRA_URL ?? "http://127.0.0.1:8000", token: env.SIRA_TOKEN ?? "" });
const file = { name: basename(path), content: new Blob([await readFile(path)]) };
const job = await sira.submit("parsers.parse_cv", {}, { files: { file } });
await sira.wait(job, { onProgress: ({ progress, stage }) => console.log(`${progress} % ${stage}`) });
const { parsed_data } = /** @type {Parsed} */ (await sira.result(job));
console.log(JSON.stringify(parsed_data.profile.basics, null, 2));
