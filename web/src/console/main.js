// The console's page: connects, puts the parts together, and listens to the keys.
import "webawesome";
import { Connection } from "../link/connection.js";
import { stayLoggedIn } from "../link/login.js";
import "./app.js";
import { listen } from "./keys.js";
import { Login } from "./login.js";
import { Media } from "./media.js";
import { Ringtone } from "../media/ringtone.js";
import { Desk } from "./session.js";
import { Store } from "./state.js";

const store = new Store();
const connection = new Connection("/ws/console", { authorised: () => login.check() });
const login = new Login(connection, store);
const desk = new Desk(connection, store);
const app = { store, desk, login, media: new Media(desk), ringtone: new Ringtone() };
stayLoggedIn(() => login.ended());

const root = /** @type {import("./app.js").ConsoleApp} */ (document.createElement("console-app"));
root.app = app;
document.querySelector("#console")?.replaceWith(root);
listen({ root, app });

// A double click counts as one click: it neither ends a call nor asks for a document twice. Zoom buttons are exempt.
addEventListener(
  "click",
  (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (event.detail < 2 || !target?.closest("button, wa-button, wa-switch") || target.closest(".viewer-tools, .screen-bar")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  { capture: true },
);

addEventListener("beforeunload", (event) => {
  const { session, noteState } = store.state;
  if (session && noteState !== "saved") event.preventDefault();
});
