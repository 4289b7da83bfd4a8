package app

import (
	"context"

	"github.com/guildhall-dev/guildhall/internal/announcement"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/report"
)

// AnnounceRequest is what is to be announced; with DryRun nothing is.
type AnnounceRequest struct {
	announcement.Draft
	DryRun bool `json:"dry_run"`
}

// AnnouncementListRequest asks for the newest announcements.
type AnnouncementListRequest struct {
	Limit int `json:"limit"`
}

// AnnouncementListAnswer is the newest announcements, newest first.
type AnnouncementListAnswer struct {
	Announcements []announcement.Announcement `json:"announcements"`
}

// ReportRequest asks for the usage report of an organization; with Send it goes out.
type ReportRequest struct {
	OrganizationRequest
	Kind report.Kind `json:"kind"`
	Send bool        `json:"send"`
}

func (a *App) announce(ctx context.Context, in AnnounceRequest) (announcement.Sent, error) {
	return a.Announcements.Send(ctx, operator(), in.Draft, in.DryRun)
}

func (a *App) listAnnouncements(ctx context.Context, in AnnouncementListRequest) (answer AnnouncementListAnswer, err error) {
	answer.Announcements, err = a.Announcements.List(ctx, operator(), in.Limit)
	return answer, err
}

func (a *App) report(ctx context.Context, in ReportRequest) (report.Shown, error) {
	return a.Reports.Show(ctx, operator(), in.Organization, in.Kind, in.Send)
}

// reportKinds are those of the configuration, which Open has checked.
func (a *App) reportKinds() []report.Kind {
	var kinds []report.Kind
	names, _ := a.Settings.Reports()
	for _, name := range names {
		kinds = append(kinds, report.Kind(name))
	}
	return kinds
}

// mailedHeads signs the heads that go out with reports; nil where none do.
func (a *App) mailedHeads() *audit.Signer {
	if !a.Settings.MailHeads {
		return nil
	}
	return a.heads
}
