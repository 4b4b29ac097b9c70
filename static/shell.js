/** What stays the same on every screen gets its words here. */

import { strings } from "./strings.js";

document.getElementById("skip").textContent = strings.skip;
document.getElementById("product").textContent = strings.product;
document.getElementById("disclaimer").textContent = strings.disclaimer;
