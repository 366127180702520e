// On paper nothing can be opened, and ink is dark.

let closed = [];
let theme;

addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const details of closed) details.open = true;
  theme = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});

addEventListener("afterprint", () => {
  for (const details of closed) details.open = false;
  document.documentElement.dataset.theme = theme;
});
