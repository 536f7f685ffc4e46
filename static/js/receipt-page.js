// The page of a deleted job: its receipt, and the link to it, can be copied.

import { copyButtons } from "./clipboard.js";

copyButtons();
