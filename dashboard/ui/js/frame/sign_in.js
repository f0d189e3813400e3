// Sign-in with a token, with name and password, or at an identity provider if the
// server names one.
import { html, useRef, useState, useSignal } from '../core/dom.js';
import { session, signInWithPassword, signInWithToken } from '../core/session.js';
import { notifyError } from '../parts/feedback.js';
import { Dialog } from '../parts/dialog.js';
import { Choice } from '../parts/choice.js';

export function SignIn() {
  const { rejected, oidc } = useSignal(session);
  const [way, setWay] = useState('token');
  return html`<${Dialog} title="Sign in to Weir">
    ${oidc && html`<button type="button" class="btn primary big" data-focus
      onClick=${atProvider}>Sign in with ${new URL(oidc.issuer).hostname}</button>`}
    <${Choice} label="With" value=${way} onChoose=${setWay} options=${[['token', 'Token'], ['password', 'Name and password']]} />
    ${way === 'token' ? html`<${TokenForm} rejected=${rejected} />` : html`<${PasswordForm} rejected=${rejected} />`}
    <p class="dim small">The credentials stay in this tab until it is closed.</p></${Dialog}>`;
}

const atProvider = () => import('./oidc.js').then(({ beginSignIn }) => beginSignIn()).catch(notifyError);

const Rejected = ({ children }) => html`<p class="bad" role="alert" id="rejected">${children}</p>`;

function TokenForm({ rejected }) {
  const token = useRef();
  const submit = event => { event.preventDefault(); signInWithToken(token.current.value.trim()); };
  return html`<form onSubmit=${submit}>
    <p>An administrator creates a token with <code>weir auth add NAME --role operator</code>.</p>
    <label class="field">Token<input ref=${token} type="password" autocomplete="current-password" required data-focus
      aria-invalid=${rejected} aria-describedby=${rejected ? 'rejected' : null} /></label>
    ${rejected && html`<${Rejected}>The token is unknown, revoked or expired.</${Rejected}>`}
    <footer><button class="btn primary">Sign in</button></footer></form>`;
}

function PasswordForm({ rejected }) {
  const name = useRef(), password = useRef();
  const submit = event => { event.preventDefault(); signInWithPassword(name.current.value.trim(), password.current.value); };
  return html`<form onSubmit=${submit}>
    <label class="field">Name<input ref=${name} autocomplete="username" required spellcheck="false" pattern="[^:]+" /></label>
    <label class="field">Password<input ref=${password} type="password" autocomplete="current-password" required
      aria-invalid=${rejected} aria-describedby=${rejected ? 'rejected' : null} /></label>
    ${rejected && html`<${Rejected}>Name or password is wrong.</${Rejected}>`}
    <footer><button class="btn primary">Sign in</button></footer></form>`;
}
