package httpd_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app/apptest"
)

const crowd = 200

// atOnce sends as many requests at the same moment and counts the answers by status
// and code.
func atOnce(t *testing.T, send func(i int) (*apptest.Response, error)) map[string]int {
	t.Helper()
	return together(t, crowd, send)
}

func together(t *testing.T, number int, send func(i int) (*apptest.Response, error)) map[string]int {
	t.Helper()
	answers := make([]string, number)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range number {
		all.Go(func() {
			<-start
			r, err := send(i)
			if err != nil {
				answers[i] = err.Error()
				return
			}
			answers[i] = fmt.Sprint(r.Status)
			if code := r.Text("code"); code != "" {
				answers[i] += " " + code
			}
		})
	}
	close(start)
	all.Wait()
	count := map[string]int{}
	for _, answer := range answers {
		count[answer]++
	}
	return count
}

func expect(t *testing.T, got map[string]int, served string, times int, refused string) {
	t.Helper()
	if got[served] != times || got[refused] != crowd-times {
		t.Errorf("the answers are %v; want %d times %s, the rest %s", got, times, served, refused)
	}
}

func TestOneNameManyPeople(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		people := make([]*apptest.Caller, crowd)
		for i := range people {
			people[i] = s.Person(t, fmt.Sprintf("person%d@example.com", i))
		}
		spellings := []string{"Acme", "ACME", "ａｃｍｅ", " acme "}
		got := atOnce(t, func(i int) (*apptest.Response, error) {
			return people[i].Try("POST", "/organization", map[string]any{"name": spellings[i%len(spellings)], "plan": "FREE"})
		})
		expect(t, got, "201", 1, "409 name_taken")
		owners := 0
		for _, c := range people {
			owners += len(c.Get(t, "/organization").Must(t, 200).List("results"))
		}
		if owners != 1 {
			t.Errorf("%d people own it", owners)
		}
		s.Verify(t)
	})
}

func TestOnePersonManyNames(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		got := atOnce(t, func(i int) (*apptest.Response, error) {
			return jane.Try("POST", "/organization", map[string]any{"name": fmt.Sprint("Acme ", i), "plan": "FREE"})
		})
		expect(t, got, "201", 5, "403 limit_reached")
		if n := len(jane.Get(t, "/organization").Must(t, 200).List("results")); n != 5 {
			t.Errorf("%d organizations", n)
		}
		s.Verify(t)
	})
}

func TestOneProjectName(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		acme := "/organization/" + string(jane.Organization(t, "Acme"))
		got := atOnce(t, func(int) (*apptest.Response, error) {
			return jane.Try("POST", acme+"/project", map[string]any{"name": "Shop"})
		})
		expect(t, got, "200", 1, "409 name_taken")
		got = atOnce(t, func(int) (*apptest.Response, error) {
			return jane.Try("POST", acme+"/apiToken", map[string]any{"name": "ci"})
		})
		expect(t, got, "201", 1, "409 name_taken")
		token := acme + "/apiToken/" + jane.Get(t, acme+"/apiToken").Text("results.0.id")
		got = atOnce(t, func(int) (*apptest.Response, error) { return jane.Try("DELETE", token, nil) })
		expect(t, got, "204", 1, "404 not_found")
		s.Verify(t)
	})
}

// TestTwoNodes lets the crowd come to two servers on one database.
func TestTwoNodes(t *testing.T) {
	storage := apptest.Storage(t, "postgres")
	nodes := []*apptest.Server{apptest.Start(t, storage, apptest.Options{RealClock: true}), apptest.Start(t, storage, apptest.Options{RealClock: true})}
	jane := nodes[0].Person(t, "jane@example.com")
	got := atOnce(t, func(i int) (*apptest.Response, error) {
		return jane.At(nodes[i%2]).Try("POST", "/organization", map[string]any{"name": fmt.Sprint("Acme ", i), "plan": "FREE"})
	})
	expect(t, got, "201", 5, "403 limit_reached")
	acme := jane.Get(t, "/organization").Text("results.0.id")
	got = atOnce(t, func(i int) (*apptest.Response, error) {
		return jane.At(nodes[i%2]).Try("POST", "/organization/"+acme+"/project", map[string]any{"name": "Shop"})
	})
	expect(t, got, "200", 1, "409 name_taken")
	once := jane.With(keyHeader, "k")
	got = atOnce(t, func(i int) (*apptest.Response, error) {
		return once.At(nodes[i%2]).Try("POST", "/organization/"+acme+"/project", `{"name":"Once"}`)
	})
	expect(t, got, "200", crowd, "")
	if n := len(jane.Get(t, "/organization/"+acme+"/project").List("results")); n != 2 {
		t.Errorf("%d projects", n)
	}
	nodes[1].Verify(t)
}
