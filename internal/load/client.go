package load

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/valyala/fasthttp"
)

// send sends a request to a server. The body that it gives holds until the request is used again.
type send func(*request) (status int, body []byte, err error)

// dial gives a way to each server, over connections that are kept, and opened when there is something to send. fasthttp
// rather than net/http, because the clients mostly run on the machine of the server and what they take of the cores is
// not there for the server.
func dial(addresses []string, connections int, timeout time.Duration) ([]send, error) {
	var servers []send
	for _, address := range addresses {
		parsed, err := url.Parse(address)
		if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			return nil, fmt.Errorf("want the address of a server, such as http://127.0.0.1:8080, not %q", address)
		}
		secure := parsed.Scheme == "https"
		endpoint := parsed.JoinPath("graphql").String()
		host := &fasthttp.HostClient{
			Addr: fasthttp.AddMissingPort(parsed.Host, secure), IsTLS: secure, MaxConns: connections,
			ReadTimeout: timeout, WriteTimeout: timeout, NoDefaultUserAgentHeader: true,
			// A repeat that nobody sees would make one failure and one success into one slow success.
			RetryIfErr: func(*fasthttp.Request, int, error) (resetTimeout, retry bool) { return false, false },
		}
		servers = append(servers, func(r *request) (status int, body []byte, err error) {
			r.request.SetRequestURI(endpoint)
			r.response.Reset()
			if err := host.Do(r.request, r.response); err != nil {
				return 0, nil, err
			}
			return r.response.StatusCode(), r.response.Body(), nil
		})
	}
	if len(servers) == 0 {
		return nil, errors.New("want the address of a server")
	}
	return servers, nil
}

// request is room for one request and its answer, used again and again.
type request struct {
	// name is what kind of request it is.
	name     string
	request  *fasthttp.Request
	response *fasthttp.Response
}

func newRequest() *request {
	return &request{request: fasthttp.AcquireRequest(), response: fasthttp.AcquireResponse()}
}

func (r *request) release() {
	fasthttp.ReleaseRequest(r.request)
	fasthttp.ReleaseResponse(r.response)
}

// fill makes it a request of a kind, from somebody, with this body. Nobody is a visitor.
func (r *request) fill(name string, from caller, body []byte) {
	r.name = name
	r.request.Reset()
	r.request.Header.SetMethod(fasthttp.MethodPost)
	r.request.Header.SetContentType("application/json")
	r.request.Header.Set("Accept", "application/graphql-response+json, application/json;q=0.9")
	if from.authorization != "" {
		r.request.Header.Set("Authorization", from.authorization)
	}
	if from.actsFor != "" {
		r.request.Header.Set("Farthing-Shopper", from.actsFor)
	}
	r.request.SetBodyRaw(body)
}

// broken is the code for a request without an answer.
func broken(err error) string {
	var network net.Error
	if errors.Is(err, fasthttp.ErrTimeout) || errors.As(err, &network) && network.Timeout() {
		return "TIMEOUT"
	}
	return "CONNECTION"
}
