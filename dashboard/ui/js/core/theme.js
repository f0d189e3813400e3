// A classic script that runs before the first paint, so that the page never flashes in
// the other theme.
(() => {
  let theme = null;
  try { theme = localStorage.getItem('weir.theme'); } catch { /* the system decides */ }
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
})();
