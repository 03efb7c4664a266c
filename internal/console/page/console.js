// Starts GraphiQL with what the server put into the page: the endpoint, who may be calling, and the examples.
//
// Every tab has its own headers, and with them its own caller, as GraphiQL keeps them. Tabs are kept in the browser;
// tokens never are. A token is stored as the name of its caller and filled in again from the page, so a tab kept from an
// earlier run of the server calls with a token of this run.
(() => {
  'use strict';
  const { createElement, useEffect, useState } = React;
  const configElement = document.getElementById('config');
  const config = JSON.parse(configElement.textContent);
  // The name under which GraphiQL looks for the nonce of the one style element it makes.
  window.__webpack_nonce__ = configElement.nonce;

  // Who may be calling. The first is the one a new tab starts with.
  const anonymous = { label: 'Anonymous', authorization: undefined };
  const callers = [...config.tokens.map(({ label, value }) => ({ label, authorization: `Bearer ${value}` })), anonymous];
  const callerNamed = (label) => callers.find((caller) => caller.label === label) ?? callers[0];

  // parseHeaders reads the text of the headers editor; null while it is no JSON object.
  const parseHeaders = (text) => {
    try {
      const headers = JSON.parse(text.trim() || '{}');
      return typeof headers === 'object' && !Array.isArray(headers) ? headers : null;
    } catch {
      return null;
    }
  };
  const headersFor = ({ authorization }, others = {}) => {
    const { Authorization, ...rest } = others ?? {};
    return JSON.stringify(authorization ? { Authorization: authorization, ...rest } : rest, null, 2);
  };

  const prefix = 'farthing:';
  const tabsKey = 'graphiql:tabState';
  // GraphiQL keeps the active tab's content a second time and opens a needless tab when the two differ.
  const activeTabKeys = { 'graphiql:query': 'query', 'graphiql:variables': 'variables', 'graphiql:headers': 'headers' };

  const withoutTokens = (text) => text.replace(/Bearer ([^\s"\\]+)/g, (authorization) => {
    const caller = callers.find((c) => c.authorization === authorization);
    return `Bearer {${encodeURIComponent(caller?.label ?? '')}}`;
  });
  const withTokens = (text) => text.replace(/Bearer \{([^}\s"\\]*)\}/g,
    (stored, label) => callerNamed(decodeURIComponent(label)).authorization ?? stored);

  const examples = () => JSON.stringify({
    activeTabIndex: 0,
    tabs: config.tabs.map(({ query, variables, caller }, index) => {
      const name = /^\s*(?:query|mutation|subscription)\s+(\w+)/m.exec(query)?.[1] ?? null;
      return {
        id: `example-${index}`, title: name ?? '<untitled>', operationName: name, query, variables: variables || null,
        headers: headersFor(callerNamed(caller)), response: null,
      };
    }),
  });
  // storedTabs is what was kept, or the examples when nothing was or it cannot be read.
  const storedTabs = () => {
    try {
      const text = withTokens(localStorage.getItem(prefix + tabsKey) ?? '');
      return JSON.parse(text).tabs.length > 0 ? text : examples();
    } catch {
      return examples();
    }
  };
  const ownKeys = () => Object.keys(localStorage).filter((key) => key.startsWith(prefix));

  const storage = {
    getItem(key) {
      if (key in activeTabKeys) {
        const { tabs, activeTabIndex } = JSON.parse(storedTabs());
        return tabs[activeTabIndex]?.[activeTabKeys[key]] ?? null;
      }
      if (key === tabsKey) return storedTabs();
      const text = localStorage.getItem(prefix + key);
      return text && withTokens(text);
    },
    setItem(key, value) {
      if (!(key in activeTabKeys)) localStorage.setItem(prefix + key, withoutTokens(value));
    },
    removeItem(key) {
      localStorage.removeItem(prefix + key);
    },
    clear() {
      ownKeys().forEach((key) => localStorage.removeItem(key));
    },
    get length() {
      return ownKeys().length;
    },
  };

  // Subscriptions go to the same place by WebSocket. What stands in the headers tab goes along as connection parameters,
  // since a browser sends no headers with one.
  const subscriptionUrl = new URL(config.endpoint, window.location.href).href.replace(/^http/, 'ws');

  // Caller shows who is calling in the active tab, as its headers say, and changes them.
  function Caller() {
    const { headerEditor } = GraphiQL.React.useEditorContext({ nonNull: true });
    const [text, setText] = useState('');
    useEffect(() => {
      if (!headerEditor) return undefined;
      const read = () => setText(headerEditor.getValue());
      read();
      headerEditor.on('change', read);
      return () => headerEditor.off('change', read);
    }, [headerEditor]);

    const headers = parseHeaders(text);
    const current = headers && callers.find((caller) => caller.authorization === headers.Authorization);
    return createElement('label', { className: 'caller' }, 'Calling as',
      createElement('select', {
        value: current?.label ?? '',
        title: 'Fills in the Authorization header of this tab',
        onChange: (event) => headerEditor?.setValue(headersFor(callerNamed(event.target.value), headers)),
      },
      !current && createElement('option', { value: '', disabled: true }, 'a header of your own'),
      callers.map(({ label }) => createElement('option', { key: label, value: label }, label))));
  }

  document.getElementById('restore').addEventListener('click', () => {
    if (!window.confirm('Close all tabs and open the examples again?')) return;
    storage.clear();
    window.location.reload();
  });

  ReactDOM.createRoot(document.getElementById('editor')).render(
    createElement(GraphiQL, {
      fetcher: GraphiQL.createFetcher({ url: config.endpoint, subscriptionUrl, enableIncrementalDelivery: false }),
      storage,
      shouldPersistHeaders: true, // without their tokens, see above
      showPersistHeadersSettings: false,
      defaultHeaders: headersFor(callers[0]),
      defaultQuery: '# Ctrl-Space completes, Ctrl-Enter runs.\n\n',
    }, createElement(GraphiQL.Logo, null, createElement(Caller))),
  );
})();
